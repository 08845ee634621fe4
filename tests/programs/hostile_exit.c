/* flags: -pthread */
/* Every way in which a process ends. 20,000 blocks of 777 bytes come first. */
#include "hostile.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int by_return(void)
{
    return 11;
}

static int by_exit(void)
{
    exit(12);
}

static void at_end(void)
{
    allocate(10, 840);
    say("handler of atexit");
}

static int with_handlers(void)
{
    atexit(at_end);
    at_quick_exit(at_end);
    exit(13);
}

static int by_quick_exit(void)
{
    atexit(at_end);
    at_quick_exit(at_end);
    quick_exit(14);
}

static int by__exit(void)
{
    atexit(at_end);
    _exit(15);
}

static int by__Exit(void)
{
    _Exit(16);
}

static int by_system_call(void)
{
    syscall(SYS_exit_group, 17);
    return 0;
}

static int by_abort(void)
{
    abort();
}

static sigjmp_buf back;
static void leave(int signal_number)
{
    siglongjmp(back, signal_number);
}

/* A handler of SIGABRT that jumps out: the process lives on. */
static int abort_survived(void)
{
    signal(SIGABRT, leave);
    if (sigsetjmp(back, 1) == 0) abort();
    allocate(20000, 777);
    return 18;
}

static int killed(void)
{
    raise(SIGKILL);
    return 0;
}

static int by_trap(void)
{
    __builtin_trap();
}

static volatile unsigned end_of_recursion = 1u << 30; /* never */
__attribute__((noinline)) static unsigned overflow(unsigned depth)
{
    char *volatile block = malloc(100);
    block[0] = (char)depth;
    unsigned result = depth < end_of_recursion ? overflow(depth + 1) + (unsigned)block[0] : 0;
    free(block);
    return result;
}

/* Until the stack is at its end, an allocation in every frame. */
static int stack_overflow(void)
{
    struct rlimit limit = {256 << 10, 256 << 10};
    setrlimit(RLIMIT_STACK, &limit);
    return (int)overflow(0);
}

static void on_overflow(int signal_number)
{
    (void)signal_number;
    allocate(10, 841);
    static const char caught[] = "caught\n";
    if (write(1, caught, sizeof(caught) - 1) < 0) _exit(1);
    _exit(19);
}

static int stack_overflow_caught(void)
{
    static char memory[65536];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};
    struct sigaction action = {.sa_handler = on_overflow, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    return stack_overflow();
}

static atomic_bool go;
static atomic_uint running;

static void *churn(void *argument)
{
    atomic_fetch_add(&running, 1);
    while (!atomic_load(&go))
        ;
    for (;;)
        allocate(1, 842);
    return argument;
}

/* exit() beside three threads that allocate. */
static int beside_threads(void)
{
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, churn, NULL);
    while (atomic_load(&running) < 3)
        ;
    atomic_store(&go, true);
    allocate(2000, 843);
    exit(20);
}

static void *exiter(void *argument)
{
    (void)argument;
    allocate(100, 844);
    exit(21);
}

static int from_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, exiter, NULL);
    pthread_join(thread, NULL);
    return 0;
}

static void *last(void *argument)
{
    pthread_join(*(pthread_t *)argument, NULL);
    allocate(20000, 845);
    say("the last thread");
    return NULL;
}

/* The process ends with its last thread, and exits with 0. */
static int main_thread_first(void)
{
    static pthread_t self, thread;
    self = pthread_self();
    pthread_create(&thread, NULL, last, &self);
    pthread_exit(NULL);
}

static void exit_in_handler(int signal_number)
{
    (void)signal_number;
    exit(22);
}

static int in_handler(void)
{
    signal(SIGUSR1, exit_in_handler);
    raise(SIGUSR1);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"by_return", by_return},
        {"by_exit", by_exit},
        {"with_handlers", with_handlers},
        {"by_quick_exit", by_quick_exit},
        {"by__exit", by__exit},
        {"by__Exit", by__Exit},
        {"by_system_call", by_system_call},
        {"by_abort", by_abort},
        {"abort_survived", abort_survived},
        {"killed", killed},
        {"by_trap", by_trap},
        {"stack_overflow", stack_overflow},
        {"stack_overflow_caught", stack_overflow_caught},
        {"beside_threads", beside_threads},
        {"from_thread", from_thread},
        {"main_thread_first", main_thread_first},
        {"in_handler", in_handler},
    };
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    allocate(20000, 777);
    return RUN_MODE(modes, argc, argv);
}
