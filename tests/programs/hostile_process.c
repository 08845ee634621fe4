/* flags: -pthread */
/* What a process does with itself and its like: leaves its terminal, shares its memory with another, is
 * stopped, reads all of its own memory, changes its users and its name. 20,000 blocks of 777 bytes, 100 of
 * 801 in each child. */
#include "hostile.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char **arguments; /* of the process */
static char *self;

static int work(void)
{
    allocate(20000, 777);
    say("alive");
    return 0;
}

static int child_main(void)
{
    allocate(100, 801);
    return 0;
}

static int wait_for(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) != child)
        if (errno != EINTR) _exit(81);
    return status;
}

/* --- daemon() ----------------------------------------------------------------------------------------- */

/* The daemon of a child; both ends of it are told through a pipe, whose end of file is the daemon's end. */
static int daemon_with(int keep_descriptors)
{
    int ends[2];
    char text[256];
    if (pipe(ends) != 0) return 70;
    pid_t child = fork();
    if (child == 0) {
        allocate(100, 802);
        if (daemon(1, keep_descriptors) != 0) _exit(71);
        child_main();
        int lowest = open("/dev/null", O_RDONLY);
        dprintf(ends[1], "a daemon, lowest free descriptor %d, leader %d\n", lowest, getsid(0) == getpid());
        exit(0);
    }
    close(ends[1]);
    int status = wait_for(child);
    for (ssize_t got; (got = read(ends[0], text, sizeof(text))) > 0;)
        if (write(1, text, (size_t)got) != got) return 72;
    say("%d", status);
    return work();
}

static int daemon_kept(void)
{
    return daemon_with(1);
}

static int daemon_apart(void)
{
    return daemon_with(0);
}

/* --- clone and exec ------------------------------------------------------------------------------------ */

static int cloned(void *argument)
{
    (void)argument;
    return child_main();
}

static char other_stack[65536] __attribute__((aligned(16)));

/* It shares the memory and runs beside its parent, which does not allocate meanwhile: the C library's state
 * is shared, too. */
static int clone_memory(void)
{
    for (int i = 0; i < 10; i++)
        say("%d", wait_for(clone(cloned, other_stack + sizeof(other_stack), CLONE_VM | SIGCHLD, NULL)));
    return work();
}

/* Memory of its own, but the parent waits, or descriptors that are the parent's. */
static int clone_shares(void)
{
    static const int flags[] = {CLONE_VFORK, CLONE_FILES, CLONE_FS, CLONE_FS | CLONE_FILES | CLONE_VFORK};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        say("%d", wait_for(clone(cloned, other_stack + sizeof(other_stack), flags[i] | SIGCHLD, NULL)));
    return work();
}

/* struct clone_args of <linux/sched.h>, whose other contents would clash with <sched.h>. */
static int clone_three(void)
{
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } how = {.exit_signal = SIGCHLD};
    for (int i = 0; i < 5; i++) {
        pid_t child = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
        if (child == 0) _exit(child_main());
        if (child < 0) return 73;
        say("%d", wait_for(child));
    }
    return work();
}

static void *execer(void *argument)
{
    allocate(100, 803);
    execl(self, self, argument, NULL);
    return argument;
}

static void *bystander(void *argument)
{
    for (;;)
        allocate(50, 804);
    return argument;
}

/* The process goes on as another image, whichever thread asked for it. */
static int exec_from_thread(void)
{
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, bystander, NULL);
    allocate(100, 802);
    pthread_create(&thread, NULL, execer, (void *)"work");
    pthread_join(thread, NULL);
    return 74;
}

static int exec_cleared(void)
{
    char *argv[] = {self, (char *)"environment", NULL}, *none[] = {NULL};
    allocate(100, 802);
    execve(self, argv, none);
    return 75;
}

static int exec_after_clearenv(void)
{
    char *argv[] = {self, (char *)"environment", NULL};
    allocate(100, 802);
    clearenv();
    execv(self, argv);
    return 75;
}

static int environment(void)
{
    int count = 0;
    while (environ != NULL && environ[count] != NULL)
        count++;
    say("%d variables", count);
    return 0;
}

static void *spawns(void *argument)
{
    char *argv[] = {self, (char *)"leaf", NULL};
    for (int i = 0; i < 8; i++) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t all;
        sigfillset(&all);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigdefault(&attributes, &all);
        pid_t child;
        if (posix_spawn(&child, self, &actions, &attributes, argv, environ) != 0) _exit(76);
        if (wait_for(child) != 0) _exit(77);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    return argument;
}

static int leaf(void)
{
    int lowest = open("/dev/null", O_RDONLY);
    return lowest == 3 ? child_main() : 78;
}

static int spawn_from_threads(void)
{
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, spawns, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    return work();
}

/* popen and system, and nobody but them to wait for. */
static int shells(void)
{
    char line[100];
    for (int i = 0; i < 20; i++) {
        FILE *pipe = popen(i & 1 ? "echo odd; exit 3" : "cat /dev/null; exit 4", "r");
        if (pipe == NULL) return 79;
        size_t got = fread(line, 1, sizeof(line), pipe);
        say("%zu %x %x", got, (unsigned)pclose(pipe), (unsigned)system("exit 5"));
    }
    int other = (int)wait(NULL); /* no child that is not the program's */
    say("%d %d", other, errno);
    return work();
}

/* --- Stopped, traced, and dead of a fault --------------------------------------------------------------- */

/* Stopped and continued at 200 moments, most of them in a hook. */
static int stopped(void)
{
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        for (int i = 0; i < 200; i++) {
            kill(parent, SIGSTOP);
            usleep(200);
            kill(parent, SIGCONT);
            usleep(300);
        }
        _exit(child_main());
    }
    int status = 1;
    while (waitpid(child, &status, WNOHANG) == 0)
        allocate(100, 805);
    say("%d", status);
    return work();
}

/* Stopped by every system call that it makes, as under a debugger, by its own parent. What is counted is only
 * how it ended: the recorder makes calls of its own. */
static int traced(void)
{
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(child_main());
    }
    int status;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
        if (ptrace(PTRACE_SYSCALL, child, NULL, NULL) != 0) return 80;
    say("%x", (unsigned)status);
    return work();
}

static volatile int *volatile nowhere;

static void fault_handler(int signal_number)
{
    allocate(10, 806);
    static const char caught[] = "caught\n";
    if (write(1, caught, sizeof(caught) - 1) < 0) _exit(1);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static int fault(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, fault_handler);
    work();
    return *nowhere;
}

/* --- Its own memory ------------------------------------------------------------------------------------- */

/* Every page that maps says can be read, can be: what crash reporters and collectors rely on. Through the
 * kernel, so that a page that cannot be is an error, and by a load, as a collector would. */
static int reads_itself(void)
{
    int ends[2];
    unsigned long bad = 0, low, high;
    char line[5000], rights[5], name[300];
    allocate(20000, 777);
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL || pipe(ends) != 0) return 82;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    unsigned sum = 0;
    while (fgets(line, sizeof(line), maps) != NULL) {
        name[0] = '\0';
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %299s", &low, &high, rights, name) < 3) return 83;
        if (rights[0] != 'r' || strcmp(name, "[vvar]") == 0 || strncmp(name, "[vvar_", 6) == 0) continue;
        if (strcmp(name, "[vsyscall]") == 0) continue;
        for (unsigned long page = low; page < high; page += 4096) {
            char byte;
            if (write(ends[1], (void *)page, 1) != 1 || read(ends[0], &byte, 1) != 1)
                bad++;
            else
                sum += *(volatile unsigned char *)page;
        }
    }
    fclose(maps);
    say("%lu pages cannot be read%s", bad, sum == 1 ? "!" : "");
    return work();
}

/* KiB of this process that are locked. */
static unsigned long locked_kib(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        sscanf(line, "VmLck: %lu", &kib);
    if (status != NULL) fclose(status);
    return kib;
}

/* What the program does not ask for is not locked, though more than 16 MiB of trace are written meanwhile. */
static int locked(void)
{
    allocate(1000, 777);
    say("%d", mlockall(MCL_CURRENT | MCL_FUTURE));
    say("%s", locked_kib() < 14000 ? "a small program" : "a large program");
    allocate(2500000, 802);
    say("%s", locked_kib() < 14000 ? "a small program" : "a large program");
    char *block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("%d", block != MAP_FAILED);
    work();
    say("%d", munlockall());
    return work();
}

/* An arena of the program's own that gives its pages back and takes them again. */
static int gives_back(void)
{
    enum { BYTES = 4 << 20 };
    unsigned bad = 0;
    for (int i = 0; i < 30; i++) {
        unsigned char *own = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        unsigned char *heap = malloc(BYTES / 4), *page = heap + (-(uintptr_t)heap & 4095);
        memset(own, i, BYTES);
        memset(heap, i, BYTES / 4);
        madvise(own, BYTES, i & 1 ? MADV_DONTNEED : MADV_FREE);
        madvise(page, 65536, MADV_DONTNEED);
        bad += (i & 1 && own[5] != 0) || page[5] != 0 || heap[BYTES / 4 - 1] != (unsigned char)i;
        allocate(1000, 777);
        munmap(own, BYTES);
        free(heap);
    }
    say("%u bad", bad);
    return 0;
}

/* Where the kernel put arguments and environment a title is written, as daemons do; then children start. */
static int title(void)
{
    char *end = arguments[0];
    for (char **at = arguments; *at != NULL; at++)
        if (*at == end) end += strlen(end) + 1;
    for (char **at = environ; *at != NULL; at++)
        if (*at == end) end += strlen(end) + 1;
    static char *fresh[] = {(char *)"ONLY=one", NULL};
    environ = fresh;
    char *kept = strdup(self);
    memset(arguments[0], 't', (size_t)(end - arguments[0]) - 1);
    self = kept;
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0) exit(child_main());
        say("%d", wait_for(child));
    }
    return work();
}

/* --- Threads and rights --------------------------------------------------------------------------------- */

static unsigned tasks(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    if (folder != NULL) closedir(folder);
    return count;
}

static atomic_bool release;
static void *waits(void *argument)
{
    allocate(10, 803);
    while (!atomic_load(&release))
        usleep(100);
    return argument;
}

static int counts_tasks(void)
{
    pthread_t thread[3];
    say("%u", tasks());
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, waits, NULL);
    allocate(20000, 804);
    say("%u", tasks());
    atomic_store(&release, true);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 1000 && tasks() > 1; i++)
        usleep(1000); /* a joined thread may still be on its way out of the kernel */
    say("%u", tasks());
    return work();
}

/* Only a process of one thread may enter a namespace of users. */
static int unshares(void)
{
    allocate(5000, 802);
    say("%d", unshare(CLONE_FILES));
    say("%d", unshare(CLONE_FS | CLONE_SYSVSEM));
    say("%d", unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
    say("%d", unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS));
    pid_t child = fork();
    if (child == 0) _exit(child_main());
    say("%d", wait_for(child));
    return work();
}

/* set*id is done in every thread by a signal of the C library's. */
static int set_id_with_threads(void)
{
    pthread_t thread[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, i < 2 ? bystander : waits, NULL);
    for (int i = 0; i < 20; i++) {
        if (setegid(i & 1 ? 0 : 65534) != 0 || seteuid(i & 1 ? 0 : 65534) != 0) return 84;
        allocate(100, 805);
    }
    say("%d %d", setresgid(65534, 65534, 65534), setresuid(65534, 65534, 65534));
    atomic_store(&release, true);
    pthread_join(thread[2], NULL);
    work();
    _exit(0);
}

/* What prctl changes and shows is the program's. */
static int controls(void)
{
    char name[16] = "";
    prctl(PR_SET_NAME, "a name");
    prctl(PR_GET_NAME, name);
    say("%s %d", name, prctl(PR_GET_DUMPABLE));
    say("%d %d", prctl(PR_SET_DUMPABLE, 0), prctl(PR_GET_DUMPABLE));
    say("%d %d", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say("%d %d", prctl(PR_SET_CHILD_SUBREAPER, 1), prctl(PR_GET_TIMERSLACK) > 0);
    say("%d %d", prctl(-1), errno);
    pid_t child = fork();
    if (child == 0) _exit(child_main());
    say("%d", wait_for(child));
    return work();
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65 /* Linux 6.3 */
#endif

/* Memory that is written may never be executed, from here on. */
static int no_written_code(void)
{
    prctl(PR_SET_MDWE, 1, 0, 0, 0);
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("%d", mprotect(memory, 4096, PROT_READ | PROT_EXEC));
    return work();
}

struct landlock_rules {
    uint64_t access_fs;
};

/* From here on no file may be opened: neither the program's nor the trace, to be cut. */
static int no_files(void)
{
    enum { CREATE_RULESET = 444, RESTRICT_SELF = 446 };
    struct landlock_rules rules = {.access_fs = (1u << 13) - 1};
    int ruleset = (int)syscall(CREATE_RULESET, &rules, sizeof(rules), 0);
    if (ruleset < 0) {
        say("no landlock"); /* by both runs */
        return work();
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    say("%ld", syscall(RESTRICT_SELF, ruleset, 0));
    close(ruleset);
    say("%d %d", open("/dev/null", O_RDONLY), errno);
    pid_t child = fork();
    if (child == 0) _exit(child_main());
    say("%d", wait_for(child));
    return work();
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"work", work},
        {"leaf", leaf},
        {"daemon_kept", daemon_kept},
        {"daemon_apart", daemon_apart},
        {"clone_memory", clone_memory},
        {"clone_shares", clone_shares},
        {"clone_three", clone_three},
        {"exec_from_thread", exec_from_thread},
        {"exec_cleared", exec_cleared},
        {"exec_after_clearenv", exec_after_clearenv},
        {"environment", environment},
        {"spawn_from_threads", spawn_from_threads},
        {"shells", shells},
        {"stopped", stopped},
        {"traced", traced},
        {"fault", fault},
        {"reads_itself", reads_itself},
        {"locked", locked},
        {"gives_back", gives_back},
        {"title", title},
        {"counts_tasks", counts_tasks},
        {"unshares", unshares},
        {"set_id_with_threads", set_id_with_threads},
        {"controls", controls},
        {"no_written_code", no_written_code},
        {"no_files", no_files},
    };
    self = argv[0];
    arguments = argv;
    return RUN_MODE(modes, argc, argv);
}
