/* flags: -pthread */
/* Forks at bad moments and by unusual ways. A child allocates 100 blocks of 801 bytes. */
#include "hostile.h"

#include <pthread.h>
#include <spawn.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

static char *self;
static atomic_bool done;

static int child_main(void)
{
    allocate(100, 801);
    return 0;
}

static int leaf(void)
{
    return child_main();
}

static void expect(pid_t child, int status)
{
    int got = -1;
    if (child < 0) _exit(80);
    while (waitpid(child, &got, 0) != child)
        if (errno != EINTR) _exit(81);
    if (got != status) {
        say("a child ended with %x", (unsigned)got);
        _exit(82);
    }
}

static void *churn(void *argument)
{
    while (!atomic_load(&done))
        allocate(100, 830);
    return argument;
}

static void *forks(void *argument)
{
    for (int i = 0; i < 15; i++) {
        pid_t child = fork();
        if (child == 0) _exit(child_main());
        expect(child, 0);
    }
    return argument;
}

/* Forks from three threads at once beside two that allocate. */
static int threads(void)
{
    pthread_t thread[5];
    for (int i = 0; i < 5; i++)
        pthread_create(&thread[i], NULL, i < 2 ? churn : forks, NULL);
    for (int i = 2; i < 5; i++)
        pthread_join(thread[i], NULL);
    atomic_store(&done, true);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    say("alive");
    return 0;
}

/* --- From a handler that interrupted the recorder ----------------------------------------------------- */

static volatile sig_atomic_t forked, in_child;
static pid_t (*fork_of_handler)(void);

static void forking_handler(int signal_number)
{
    (void)signal_number;
    if (in_child || forked >= 60) return;
    int before = errno;
    pid_t child = fork_of_handler();
    if (child == 0)
        in_child = 1; /* and back into whatever was interrupted */
    else
        forked++;
    errno = before;
}

static int from_handler(pid_t (*how)(void))
{
    struct sigaction action = {.sa_handler = forking_handler, .sa_flags = SA_RESTART};
    struct itimerval timer = {{0, 1500}, {0, 1500}};
    fork_of_handler = how;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    while (forked < 60 && !in_child)
        allocate(1, 831);
    if (in_child) _exit(child_main());
    timer = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    int status, children = 0;
    for (pid_t child; (child = wait(&status)) > 0; children++)
        if (status != 0) say("a child ended with %x", (unsigned)status);
    say("alive %d", children);
    return 0;
}

static int handler(void)
{
    return from_handler(fork);
}

static int handler_async_safe(void)
{
    return from_handler(_Fork);
}

/* --- Other ways --------------------------------------------------------------------------------------- */

static void prepare(void)
{
    allocate(1, 832);
}

static void in_the_child(void)
{
    allocate(10, 833);
}

static int at_fork(void)
{
    pthread_atfork(prepare, prepare, in_the_child);
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) _exit(child_main());
        expect(child, 0);
    }
    say("alive");
    return 0;
}

static int raw_fork(void)
{
    for (int i = 0; i < 10; i++) {
        pid_t child = (pid_t)syscall(i & 1 ? SYS_fork : SYS_clone, i & 1 ? 0 : SIGCHLD, 0, 0, 0, 0);
        if (child == 0) _exit(child_main());
        expect(child, 0);
    }
    say("alive");
    return 0;
}

static int cloned(void *argument)
{
    (void)argument;
    return child_main();
}

static int clone_child(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    expect(clone(cloned, stack + sizeof(stack), SIGCHLD, NULL), 0);
    /* It shares the memory: goes on in the caller's chunk, and its end is not the caller's. */
    expect(clone(cloned, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL), 0);
    allocate(20000, 777);
    say("alive");
    return 0;
}

static int vfork_exit(void)
{
    for (volatile int i = 0; i < 20; i++) {
        pid_t child = vfork();
        if (child == 0) _exit(i);
        expect(child, i << 8);
    }
    allocate(20000, 777);
    say("alive");
    return 0;
}

static int spawn(void)
{
    char *argv[] = {self, (char *)"leaf", NULL};
    pid_t child;
    for (int i = 0; i < 5; i++) {
        if (posix_spawn(&child, self, NULL, NULL, argv, environ) != 0) return 83;
        expect(child, 0);
    }
    int error = posix_spawnp(&child, "/no/such/program", NULL, NULL, argv, environ);
    say("%d %d", error, system("exit 7"));
    allocate(20000, 777);
    return 0;
}

/* Child of child of child: each has a parent to name. */
static int generations(void)
{
    for (int depth = 0; depth < 5; depth++) {
        pid_t child = fork();
        if (child != 0) {
            expect(child, 0);
            break;
        }
        child_main();
    }
    exit(0);
}

/* A child that never allocates has no trace. */
static int quiet_child(void)
{
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        expect(child, 0);
    }
    say("alive");
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"leaf", leaf},
        {"threads", threads},
        {"handler", handler},
        {"handler_async_safe", handler_async_safe},
        {"at_fork", at_fork},
        {"raw_fork", raw_fork},
        {"clone_child", clone_child},
        {"vfork_exit", vfork_exit},
        {"spawn", spawn},
        {"generations", generations},
        {"quiet_child", quiet_child},
    };
    self = argv[0];
    return RUN_MODE(modes, argc, argv);
}
