/* flags: -pthread */
/* Signals by timers, on the smallest stacks, in each other, as threads and by descriptors; handlers that
 * allocate 803 bytes, switch stacks or end the thread. Preload libreentrant_malloc.so: the C library's
 * allocator may not be interrupted so. */
#include "hostile.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

static atomic_uint handled;

static int work(void)
{
    allocate(20000, 777);
    say("alive");
    return 0;
}

static void handle(int signal_number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(signal_number, &action, NULL);
}

static void timer_set(int which, int microseconds)
{
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    setitimer(which, &timer, NULL);
}

static void allocates(int signal_number)
{
    (void)signal_number;
    int before = errno;
    allocate(2, 803);
    atomic_fetch_add(&handled, 1);
    errno = before;
}

/* Until COUNT signals were handled, 10 s at most. */
static bool wait_for_signals(unsigned count, void (*meanwhile)(void))
{
    time_t end = time(NULL) + 10;
    while (atomic_load(&handled) < count && time(NULL) < end)
        meanwhile();
    return atomic_load(&handled) >= count;
}

static void busy(void)
{
    allocate(200, 804);
}

/* Three timers at once, each handler may be interrupted by the others: profilers do so. */
static int timers(void)
{
    handle(SIGALRM, allocates, SA_RESTART);
    handle(SIGPROF, allocates, SA_RESTART);
    handle(SIGVTALRM, allocates, SA_RESTART);
    timer_set(ITIMER_REAL, 700);
    timer_set(ITIMER_PROF, 900);
    timer_set(ITIMER_VIRTUAL, 1100);
    say("%d", wait_for_signals(200, busy));
    timer_set(ITIMER_REAL, 0);
    timer_set(ITIMER_PROF, 0);
    timer_set(ITIMER_VIRTUAL, 0);
    return work();
}

/* A signal stack of 8 KiB, SIGSTKSZ, between pages that nobody may touch. */
static int guarded_signal_stack(void)
{
    char *memory = mmap(NULL, 3 * 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = memory + 8192, .ss_size = 8192};
    mprotect(stack.ss_sp, stack.ss_size, PROT_READ | PROT_WRITE);
    if (sigaltstack(&stack, NULL) != 0) return 30;
    handle(SIGALRM, allocates, SA_ONSTACK | SA_RESTART);
    timer_set(ITIMER_REAL, 700);
    say("%d", wait_for_signals(200, busy));
    timer_set(ITIMER_REAL, 0);
    return work();
}

static void *on_small_stack(void *argument)
{
    int status = guarded_signal_stack();
    return (void *)(uintptr_t)(status + (argument != NULL));
}

/* The same in a thread that has itself only 16 KiB. */
static int small_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *status;
    sigset_t alarm;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16384);
    if (pthread_create(&thread, &attributes, on_small_stack, NULL) != 0) return 31;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    pthread_join(thread, &status);
    return (int)(uintptr_t)status;
}

/* --- In itself -------------------------------------------------------------------------------------------
 */

static atomic_uint depth_now;
static void interrupts_itself(int signal_number)
{
    int before = errno;
    unsigned depth = atomic_fetch_add(&depth_now, 1);
    allocate(1, 803);
    if (depth < 20) raise(signal_number);
    allocate(1, 803);
    atomic_fetch_sub(&depth_now, 1);
    atomic_fetch_add(&handled, 1);
    errno = before;
}

/* SA_NODEFER: a handler in a handler in a handler, 20 deep. */
static int in_itself(void)
{
    handle(SIGALRM, interrupts_itself, SA_NODEFER | SA_RESTART);
    timer_set(ITIMER_REAL, 2000);
    say("%d", wait_for_signals(1000, busy));
    timer_set(ITIMER_REAL, 0);
    return work();
}

/* --- Onto other stacks ------------------------------------------------------------------------------------
 */

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static ucontext_t handler_context, other_context;
static char other_stack[32768];

static void other_main(void)
{
    for (;;) {
        allocate(2, 805);
        swapcontext(&other_context, &handler_context);
    }
}

static void switches(int signal_number)
{
    (void)signal_number;
    int before = errno;
    allocate(1, 803);
    swapcontext(&handler_context, &other_context);
    allocate(1, 803);
    atomic_fetch_add(&handled, 1);
    errno = before;
}

/* A handler that lets a coroutine run and comes back, on a signal stack that is free again meanwhile. */
static int switching(void)
{
    static char memory[32768];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory), .ss_flags = (int)SS_AUTODISARM};
    if (sigaltstack(&stack, NULL) != 0) return 32;
    getcontext(&other_context);
    other_context.uc_stack.ss_sp = other_stack;
    other_context.uc_stack.ss_size = sizeof(other_stack);
    sigaddset(&other_context.uc_sigmask, SIGALRM); /* it belongs to the handler */
    makecontext(&other_context, other_main, 0);
    handle(SIGALRM, switches, SA_ONSTACK | SA_RESTART);
    timer_set(ITIMER_REAL, 700);
    say("%d", wait_for_signals(200, busy));
    timer_set(ITIMER_REAL, 0);
    return work();
}

/* --- As threads, by waiting, by descriptors
 * ----------------------------------------------------------------- */

static void notified(union sigval value)
{
    (void)value;
    allocates(0);
}

static void idle(void)
{
    allocate(20, 804);
    usleep(200);
}

/* The C library makes a thread for each notification. */
static int notification_threads(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified};
    struct itimerspec every = {{0, 1000000}, {0, 1000000}}, never = {{0, 0}, {0, 0}};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return 33;
    timer_settime(timer, 0, &every, NULL);
    say("%d", wait_for_signals(50, idle));
    timer_settime(timer, 0, &never, NULL);
    timer_delete(timer);
    return work();
}

static void *waits(void *argument)
{
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    while (atomic_load(&handled) < 50 && sigwait(&set, &got) == 0)
        allocates(got);
    return argument;
}

/* All signals are blocked and taken by sigwait in a thread and by a descriptor: none comes from us. */
static int waited_for(void)
{
    sigset_t all, pending;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    int descriptor = signalfd(-1, &all, SFD_NONBLOCK);
    if (descriptor < 0 || pthread_create(&thread, NULL, waits, NULL) != 0) return 34;
    timer_set(ITIMER_REAL, 700);
    wait_for_signals(50, busy);
    timer_set(ITIMER_REAL, 0);
    kill(getpid(), SIGALRM); /* should it still wait */
    pthread_join(thread, NULL);
    allocate(20000, 777);
    sigpending(&pending);
    for (int number = 1; number < NSIG; number++)
        if (number != SIGALRM && sigismember(&pending, number) == 1) say("%d is pending", number);
    return work();
}

/* SIGSEGV, SIGBUS and SIGTRAP are raised on purpose, as collectors and interpreters do, and mended. */
static char *guarded_page;
static void mends(int signal_number, siginfo_t *information, void *context)
{
    (void)signal_number;
    (void)context;
    allocate(2, 803);
    if ((char *)information->si_addr < guarded_page || (char *)information->si_addr >= guarded_page + 4096)
        _exit(35);
    mprotect(guarded_page, 4096, PROT_READ | PROT_WRITE);
    atomic_fetch_add(&handled, 1);
}

static int mended_faults(void)
{
    struct sigaction action = {.sa_sigaction = mends, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    guarded_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 1000; i++) {
        guarded_page[i] = 1;
        allocate(10, 804);
        mprotect(guarded_page, 4096, PROT_NONE);
    }
    say("%u", atomic_load(&handled));
    return work();
}

/* A handler that ends its thread, wherever that was. */
static void ends_thread(int signal_number)
{
    (void)signal_number;
    pthread_exit(NULL);
}

static void *endless(void *argument)
{
    for (;;)
        allocate(10, 804);
    return argument;
}

static int ended_by_handler(void)
{
    handle(SIGUSR1, ends_thread, 0);
    for (unsigned i = 0; i < 200; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, endless, NULL) != 0) return 36;
        nanosleep(&(struct timespec){0, 100000 + i * 1000}, NULL);
        pthread_kill(thread, SIGUSR1);
        pthread_join(thread, NULL);
    }
    return work();
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"timers", timers},
        {"guarded_signal_stack", guarded_signal_stack},
        {"small_thread", small_thread},
        {"in_itself", in_itself},
        {"switching", switching},
        {"notification_threads", notification_threads},
        {"waited_for", waited_for},
        {"mended_faults", mended_faults},
        {"ended_by_handler", ended_by_handler},
    };
    return RUN_MODE(modes, argc, argv);
}
