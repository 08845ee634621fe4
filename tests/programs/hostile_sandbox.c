/* flags: -pthread */
/* Sandboxes that the program puts up itself, in every way there is. 20,000 blocks of 777 bytes are allocated
 * behind it, more than fit into one chunk of a trace. */
#include "hostile.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define BEHIND        20000u
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct sock_filter program[128];

/* VERDICT for the calls in the list, OTHERWISE for all others. */
static struct sock_fprog filter_make(const int *calls, size_t count, uint32_t verdict, uint32_t otherwise)
{
    struct sock_filter *at = program;
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
        *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict);
    }
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
    return (struct sock_fprog){.len = (unsigned short)(at - program), .filter = program};
}

static void filter_up(struct sock_fprog filter)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(96);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) _exit(95);
}

static int report(void)
{
    allocate(BEHIND, 777);
    say("alive");
    return 0;
}

/* What this program itself needs behind the filter. */
#define OWN_CALLS SYS_write, SYS_exit_group, SYS_brk, SYS_rt_sigreturn

static int kill_all_but_own(void)
{
    const int calls[] = {OWN_CALLS};
    filter_up(filter_make(calls, LENGTH(calls), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS));
    return report();
}

static int kill_all_but_the_three(void)
{
    const int calls[] = {OWN_CALLS, SYS_mremap, SYS_madvise, SYS_munmap};
    filter_up(filter_make(calls, LENGTH(calls), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS));
    return report();
}

static int kill_through_syscall(void)
{
    const int calls[] = {OWN_CALLS};
    struct sock_fprog filter = filter_make(calls, LENGTH(calls), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 96;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0) return 95;
    return report();
}

static int refuse_mremap(void)
{
    const int calls[] = {SYS_mremap};
    filter_up(filter_make(calls, LENGTH(calls), SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW));
    return report();
}

static int allow_all(void)
{
    filter_up(filter_make(NULL, 0, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW));
    return report();
}

static int two_filters(void)
{
    const int calls[] = {OWN_CALLS, SYS_prctl, SYS_mremap, SYS_madvise, SYS_munmap};
    filter_up(filter_make(calls, LENGTH(calls), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS));
    const int fewer[] = {OWN_CALLS};
    filter_up(filter_make(fewer, LENGTH(fewer), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS));
    return report();
}

/* None of these is a sandbox. */
static int refused(void)
{
    struct sock_fprog empty = {.len = 0, .filter = program}, wild = {.len = 4, .filter = (void *)16};
    struct sock_filter nonsense[] = {{.code = 0xffff}};
    struct sock_fprog bad = {.len = 1, .filter = nonsense};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    say("%d %d", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL), errno);
    say("%d %d", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &empty), errno);
    say("%d %d", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &wild), errno);
    say("%d %d", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &bad), errno);
    say("%d %d", prctl(PR_SET_SECCOMP, 77, &bad), errno);
    say("%ld %d", syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL), errno);
    say("%ld %d", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL), errno);
    say("%ld", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(uint32_t){SECCOMP_RET_LOG}));
    return report();
}

static int strict(void)
{
    allocate(1, 777); /* the one before it */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 95;
    allocate(BEHIND, 777);
    static const char alive[] = "alive\n";
    if (write(1, alive, sizeof(alive) - 1) < 0) return 94;
    syscall(SYS_exit, 3);
    return 0;
}

static int no_time_stamps(void)
{
    if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) != 0) return 95;
    return report();
}

/* Dispatched system calls go through the program: with one range allowed, all of libc, nothing changes for
 * it. */
static char dispatch_selector;
static void no_call(int signal_number)
{
    (void)signal_number;
    static const char caught[] = "a system call from elsewhere\n";
    dispatch_selector = 0;
    if (write(1, caught, sizeof(caught) - 1) < 0) _exit(94);
    _exit(7);
}

static int user_dispatch(void)
{
    signal(SIGSYS, no_call);
    /* Allowed: where libc's text is; SYS_gettid's stub stands for it. */
    uintptr_t libc = (uintptr_t)&write & ~0x3fffffful;
    if (prctl(59, 1, libc, 0x8000000ul, &dispatch_selector) != 0) {
        say("alive");
        return 0; /* a kernel without it */
    }
    dispatch_selector = 1;
    allocate(BEHIND, 777);
    dispatch_selector = 0;
    say("alive");
    return 0;
}

static int fork_child(void)
{
    pid_t child = fork();
    if (child == 0) return kill_all_but_own();
    int status;
    waitpid(child, &status, 0);
    say("child %d", status);
    return report();
}

/* Forked behind the filter: it may not open files, so it cannot have a trace. */
static int fork_behind(void)
{
    const int calls[] = {SYS_openat, SYS_ftruncate, SYS_getppid};
    filter_up(filter_make(calls, LENGTH(calls), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW));
    pid_t child = fork();
    if (child == 0) {
        allocate(BEHIND, 778);
        _exit(5);
    }
    int status;
    waitpid(child, &status, 0);
    say("child %d", status);
    return report();
}

static int vfork_child(void)
{
    pid_t child = vfork();
    if (child == 0) {
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        syscall(SYS_exit, 4);
    }
    int status;
    waitpid(child, &status, 0);
    say("child %d", status);
    return report();
}

static void *worker(void *argument)
{
    allocate(BEHIND, 777);
    return argument;
}

static int thread_behind(void)
{
    const int calls[] = {SYS_gettid, SYS_getpid, SYS_openat};
    filter_up(filter_make(calls, LENGTH(calls), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW));
    pthread_t thread;
    if (pthread_create(&thread, NULL, worker, NULL) != 0) return 94;
    pthread_join(thread, NULL);
    say("alive");
    return 0;
}

/* No sandbox: a clone by syscall() with a stack of the caller's own. The child returns from syscall() by the
 * address that lies on that stack, and no frame but syscall's own may be in between. */
static void child_main(void)
{
    allocate(100, 779);
    _exit(9);
}

static int clone_with_stack(void)
{
    static uint64_t stack[8192] __attribute__((aligned(16)));
    uint64_t *top = stack + 8000;
    *top = (uint64_t)(uintptr_t)child_main;
    long child = syscall(SYS_clone, SIGCHLD, top, NULL, NULL, 0);
    int status;
    waitpid((pid_t)child, &status, 0);
    say("child %d", status);
    return report();
}

/* Put the filter up, then exec this program again as MODE: it starts behind a filter. */
static char *self;
static int inherited(void)
{
    const int calls[] = {SYS_ptrace, SYS_reboot, SYS_kexec_load};
    filter_up(filter_make(calls, LENGTH(calls), SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW));
    execl(self, self, "behind", NULL);
    return 94;
}

static int behind(void)
{
    return report();
}

/* Behind this one, what the recorder would like besides the three kills, once the program runs. */
static int steady(void)
{
    const int calls[] = {SYS_getpid,    SYS_gettid,         SYS_openat,        SYS_mmap,
                         SYS_getrusage, SYS_rt_sigprocmask, SYS_ftruncate,     SYS_fchmod,
                         SYS_read,      SYS_close,          SYS_clock_gettime, SYS_sigaltstack};
    filter_up(filter_make(calls, LENGTH(calls), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW));
    return report();
}

static volatile unsigned trapped_calls;
static void on_trap(int signal_number)
{
    (void)signal_number;
    allocate(1, 776);
    trapped_calls = trapped_calls + 1;
}

/* Chromium's way: calls raise SIGSYS, and a handler decides. Only the program's own five may come there. */
static int trapped(void)
{
    const int calls[] = {SYS_mremap, SYS_madvise, SYS_munmap, SYS_getrusage,
                         SYS_getpid, SYS_gettid,  SYS_openat, SYS_sigaltstack};
    signal(SIGSYS, on_trap);
    filter_up(filter_make(calls, LENGTH(calls), SECCOMP_RET_TRAP, SECCOMP_RET_ALLOW));
    for (int i = 0; i < 5; i++)
        syscall(SYS_getrusage, 0, NULL);
    int status = report();
    say("%u trapped", trapped_calls);
    return status;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"kill_all_but_own", kill_all_but_own},
        {"kill_all_but_the_three", kill_all_but_the_three},
        {"kill_through_syscall", kill_through_syscall},
        {"refuse_mremap", refuse_mremap},
        {"allow_all", allow_all},
        {"two_filters", two_filters},
        {"refused", refused},
        {"strict", strict},
        {"no_time_stamps", no_time_stamps},
        {"user_dispatch", user_dispatch},
        {"fork_child", fork_child},
        {"fork_behind", fork_behind},
        {"vfork_child", vfork_child},
        {"thread_behind", thread_behind},
        {"clone_with_stack", clone_with_stack},
        {"inherited", inherited},
        {"behind", behind},
        {"steady", steady},
        {"trapped", trapped},
    };
    self = argv[0];
    allocate(1, 100); /* the C library's heap asks for random numbers at first */
    return RUN_MODE(modes, argc, argv);
}
