/* Too little of everything: descriptors, file size, memory, disk, directories, rights. 40,000 blocks of 777
 * bytes are allocated; the argument behind the mode is for the mode. */
#include "hostile.h"
#include "memtrace/memtrace.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char *argument;

static int work(void)
{
    allocate(40000, 777);
    say("alive");
    return 0;
}

/* More than 512 KiB of trace. */
static int plenty(void)
{
    allocate(400000, 777);
    say("alive");
    return 0;
}

static void limit(int which, rlim_t value)
{
    struct rlimit limits = {value, value};
    if (setrlimit(which, &limits) != 0) _exit(60);
}

static int all_closed(void)
{
    for (int fd = 0; fd < 1024; fd++)
        close(fd);
    allocate(40000, 777);
    int lowest = open("/dev/null", O_RDONLY);
    return lowest == 0 ? 3 : 61;
}

static int exhausted(void)
{
    limit(RLIMIT_NOFILE, 16);
    int count = 0;
    while (dup(2) >= 0)
        count++;
    say("%d more, %d", count, errno);
    return work();
}

static int no_descriptors(void)
{
    limit(RLIMIT_NOFILE, 0);
    return work();
}

/* A file of this program's own is written to its limit: SIGXFSZ must be its own doing alone. */
static int file_size(void)
{
    signal(SIGXFSZ, SIG_DFL);
    limit(RLIMIT_FSIZE, 4096);
    return work();
}

static int address_space(void)
{
    limit(RLIMIT_AS, 256u << 20); /* the recorder has its share of it, too */
    void *large = malloc(300u << 20), *fitting = malloc(100u << 20);
    say("%s, %s", large != NULL ? "too much was given" : "refused",
        fitting != NULL ? "given" : "too little was given");
    free(large);
    free(fitting);
    return work();
}

/* A trace that is larger than the address space: each event takes about 19 bytes of it. */
static int large_trace(void)
{
    limit(RLIMIT_AS, 128u << 20);
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 10000000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        memtrace_allocated((void *)(random | 1), random >> 3);
    }
    return work();
}

static int no_locked_memory_no_data(void)
{
    limit(RLIMIT_DATA, 32u << 20);
    return work();
}

static int directory_gone(void)
{
    if (mkdir("gone", 0700) != 0 || chdir("gone") != 0 || rmdir("../gone") != 0) return 62;
    pid_t child = fork();
    if (child == 0) {
        allocate(100, 861);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    say("child %d", status);
    return work();
}

static int chrooted(void)
{
    if (mkdir("jail", 0700) != 0 || chroot("jail") != 0 || chdir("/") != 0) return 63;
    pid_t child = fork();
    if (child == 0) {
        allocate(100, 861);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    say("child %d", status);
    return work();
}

static int other_user(void)
{
    if (setgid(65534) != 0 || setuid(65534) != 0) return 64;
    say("%d", (int)getuid());
    pid_t child = fork();
    if (child == 0) {
        allocate(100, 861);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return work();
}

static int new_name(void) /* the trace is moved away while it is written */
{
    char command[600];
    snprintf(command, sizeof(command), "for f in %s/*.mtr; do mv \"$f\" \"$f.moved\"; done 2>/dev/null",
             argument);
    if (system(command) < 0) return 65;
    return work();
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"work", work},
        {"plenty", plenty},
        {"all_closed", all_closed},
        {"exhausted", exhausted},
        {"no_descriptors", no_descriptors},
        {"file_size", file_size},
        {"address_space", address_space},
        {"large_trace", large_trace},
        {"data", no_locked_memory_no_data},
        {"directory_gone", directory_gone},
        {"chrooted", chrooted},
        {"other_user", other_user},
        {"new_name", new_name},
    };
    argument = argc > 2 ? argv[2] : "";
    return RUN_MODE(modes, argc, argv);
}
