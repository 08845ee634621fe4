/* flags: -pthread */
/* Signals that come while the recorder works, at 10 kHz, with handlers that allocate, jump away or run on
 * other stacks. Run it on libreentrant_malloc.so: the C library's allocator may not be interrupted so. How
 * many blocks were allocated is written to the file that $SAID names, since it differs from run to run. */
#include "hostile.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define SECONDS 0.15

static atomic_uint handler_blocks, main_blocks, jumps, second_blocks;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void write_counts(void)
{
    const char *path = getenv("SAID");
    if (path == NULL) return;
    char text[200];
    int length = snprintf(text, sizeof(text), "handler=%u\nmain=%u\njumps=%u\nsecond=%u\n", handler_blocks,
                          main_blocks, jumps, second_blocks);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, (size_t)length) != length) _exit(93);
    close(fd);
}

/* A child that does nothing but send SIGNAL_NUMBER, some 10,000 times a second: timers do not come so often
 * everywhere. */
static pid_t storm_begin(int signal_number)
{
    pid_t parent = getpid(), child = fork();
    if (child != 0) return child;
    while (kill(parent, signal_number) == 0 && getppid() == parent)
        for (volatile int pause = 0; pause < 20000; pause++)
            ;
    _exit(0);
}

static void storm_end(pid_t child)
{
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void handle(int signal_number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(signal_number, &action, NULL);
}

static void allocating_handler(int signal_number)
{
    (void)signal_number;
    int before = errno;
    allocate(1, 803);
    atomic_fetch_add(&handler_blocks, 1);
    errno = before;
}

static void second_handler(int signal_number)
{
    (void)signal_number;
    allocate(1, 808);
    atomic_fetch_add(&second_blocks, 1);
}

__attribute__((noinline)) static void deep(unsigned depth)
{
    volatile char use[64];
    use[0] = 0;
    if (depth > 0)
        deep(depth - 1);
    else
        allocate(1, 804);
    (void)use[0];
}

/* Until the time is over and there were enough of the signals, however busy the machine is: then they are
 * rare, and fewer must do, or there would be more blocks than a reader gets through. */
#define BLOCKS_ENOUGH 300000
static bool enough(double begin, unsigned signals)
{
    double elapsed = now() - begin;
    if (signals > 100 && atomic_load(&main_blocks) > BLOCKS_ENOUGH) return true;
    return elapsed > 20 * SECONDS || (elapsed > SECONDS && signals > 500);
}

static void work(void)
{
    for (double begin = now(); !enough(begin, handler_blocks);)
        for (unsigned i = 0; i < 50; i++) {
            deep(i & 15);
            atomic_fetch_add(&main_blocks, 1);
        }
}

static int storm_with(int flags)
{
    handle(SIGALRM, allocating_handler, flags | SA_RESTART);
    pid_t sender = storm_begin(SIGALRM);
    work();
    storm_end(sender);
    write_counts();
    say("alive");
    return 0;
}

static int storm(void)
{
    return storm_with(0);
}

/* SIGPROF and SIGALRM, each may interrupt the other's handler. */
static int two_storms(void)
{
    handle(SIGPROF, second_handler, SA_RESTART);
    pid_t sender = storm_begin(SIGPROF);
    int status = storm_with(0);
    storm_end(sender);
    write_counts();
    return status;
}

static int on_signal_stack(void *memory, size_t bytes)
{
    stack_t stack = {.ss_sp = memory, .ss_size = bytes};
    if (sigaltstack(&stack, NULL) != 0) return 92;
    return storm_with(SA_ONSTACK);
}

static int static_stack(void)
{
    static char memory[16384];
    return on_signal_stack(memory, sizeof(memory));
}

static int mapped_stack(void)
{
    return on_signal_stack(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                           8192);
}

/* An array in a frame of the thread's own stack: the handler's addresses are higher than the interrupted
 * ones. */
static int local_stack(void)
{
    char memory[16384];
    return on_signal_stack(memory, sizeof(memory));
}

/* --- Handlers that jump away ------------------------------------------------------------------------ */

static sigjmp_buf back;
static volatile sig_atomic_t armed;

static void jumping_handler(int signal_number)
{
    (void)signal_number;
    if (!armed) return;
    armed = 0;
    atomic_fetch_add(&jumps, 1);
    siglongjmp(back, 1);
}

static int jump_with(int flags, int allocate_in_between)
{
    handle(SIGALRM, jumping_handler, flags);
    pid_t sender = storm_begin(SIGALRM);
    for (double begin = now(); !enough(begin, jumps);) {
        if (sigsetjmp(back, 1) == 0) {
            armed = 1;
            for (;;) {
                deep(12);
                atomic_fetch_add(&main_blocks, 1);
            }
        }
        for (int i = 0; i < allocate_in_between; i++)
            allocate(1, 809);
        atomic_fetch_add(&second_blocks, (unsigned)allocate_in_between);
    }
    storm_end(sender);
    write_counts();
    say("alive");
    return 0;
}

static int jump(void)
{
    return jump_with(0, 3);
}

static int jump_from_signal_stack(void)
{
    static char memory[16384];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};
    if (sigaltstack(&stack, NULL) != 0) return 92;
    return jump_with(SA_ONSTACK, 3);
}

/* --- Threads ---------------------------------------------------------------------------------------- */

static void *short_life(void *argument)
{
    allocate(4, 804);
    atomic_fetch_add(&main_blocks, 4);
    return argument;
}

/* The storm is in full swing when threads make their first event. */
static int storm_over_threads(void)
{
    handle(SIGALRM, allocating_handler, SA_RESTART);
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pid_t sender = storm_begin(SIGALRM);
    for (double begin = now(); !enough(begin, handler_blocks);) {
        pthread_t thread[2];
        pthread_create(&thread[0], NULL, short_life, NULL);
        pthread_create(&thread[1], NULL, short_life, NULL);
        pthread_sigmask(SIG_BLOCK, &alarm, NULL); /* now they are the only ones that can have it */
        pthread_join(thread[0], NULL);
        pthread_join(thread[1], NULL);
        pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    }
    storm_end(sender);
    write_counts();
    say("alive");
    return 0;
}

static void *endless(void *argument)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (;;)
        deep(5);
    return argument;
}

/* Asynchronous cancellation unwinds from wherever the thread is, and its stack is given to the next one. */
static int cancel(void)
{
    for (unsigned i = 0; i < 200; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, endless, NULL);
        nanosleep(&(struct timespec){0, 200000 + i * 1000}, NULL);
        pthread_cancel(thread);
        pthread_join(thread, NULL);
        pthread_create(&thread, NULL, short_life, NULL);
        pthread_join(thread, NULL);
    }
    write_counts();
    say("alive %u", main_blocks);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"storm", storm},
        {"two_storms", two_storms},
        {"static_stack", static_stack},
        {"mapped_stack", mapped_stack},
        {"local_stack", local_stack},
        {"jump", jump},
        {"jump_from_signal_stack", jump_from_signal_stack},
        {"storm_over_threads", storm_over_threads},
        {"cancel", cancel},
    };
    return RUN_MODE(modes, argc, argv);
}
