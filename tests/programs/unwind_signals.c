/* flags: -Wno-infinite-recursion */
/* Handlers that allocate, on the thread's own stack and on an alternate one, having interrupted code
 * anywhere: by a timer, in functions with and without a frame, in procedure linkage tables, in the C library;
 * by a fault; in another handler. The interrupted code itself never allocates, so that malloc is never
 * entered twice. unwind_signals [N]: how many timer signals to wait for on each stack (default 300). Prints
 * allocations=N. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t timer_signals;
static volatile unsigned long allocations;
static volatile unsigned long sum;
static sigjmp_buf out;

static __attribute__((noinline)) void allocate(size_t size)
{
    void *block = malloc(size);
    allocations++;
    sum += (uintptr_t)block & 1;
    free(block);
}

static void on_timer(int number)
{
    int before = errno;
    (void)number;
    allocate(33);
    timer_signals++;
    errno = before;
}

/* Bit 8 of the flags: a SIGTRAP after each instruction. */
#define TRAP_FLAG 0x100

static volatile sig_atomic_t stepping;

static void on_trap(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)info;
    allocate((size_t)number);
    if (stepping)
        registers[REG_EFL] |= TRAP_FLAG;
    else
        registers[REG_EFL] &= ~TRAP_FLAG;
}

/* A handler inside a handler. */
static void on_user(int number)
{
    allocate(number == SIGUSR1 ? 10 : 20);
    if (number == SIGUSR1) raise(SIGUSR2);
    allocate(30);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    allocate((size_t)number);
    siglongjmp(out, 1);
}

/* Work that is interrupted at every kind of instruction: prologues, epilogues, string functions, calls
 * through the procedure linkage table (strlen, memcmp and getppid are called by way of it). */
static __attribute__((noinline)) unsigned long leaf(unsigned long n)
{
    return n * 7 + (n >> 3);
}

static __attribute__((noinline)) unsigned long tree(unsigned n)
{
    if (n < 2) return leaf(n);
    return tree(n - 1) + tree(n - 2);
}

static __attribute__((noinline)) void work(void)
{
    static char bytes[3][4000];
    sum += tree(12);
    memset(bytes[0], 'a', sizeof bytes[0] - 1);
    memcpy(bytes[1], bytes[0], sizeof bytes[0]);
    sum += strlen(bytes[0]) + (unsigned long)memcmp(bytes[0], bytes[1], sizeof bytes[0]);
    for (int i = 0; i < 50; i++)
        sum += (unsigned long)labs(i - 20) + (unsigned long)strlen(bytes[i % 3]);
    sum += (unsigned long)getppid();
}

/* Every instruction of: prologues and epilogues, a function that the loader looks up at its first call,
 * string functions, the kernel's own code (clock_gettime). */
static __attribute__((noinline)) void work_in_steps(void)
{
    static char bytes[2][300];
    struct timespec now;
    stepping = 1;
    raise(SIGTRAP);
    sum += tree(4);
    memset(bytes[0], 'b', sizeof bytes[0] - 1);
    memmove(bytes[1], bytes[0], sizeof bytes[0]);
    sum += strlen(bytes[1]) + (unsigned long)memcmp(bytes[0], bytes[1], 99);
    sum += (unsigned long)atol("77") + (unsigned long)abs((int)sum);
    clock_gettime(CLOCK_MONOTONIC, &now);
    sum += (unsigned long)now.tv_nsec;
    stepping = 0;
}

static __attribute__((noinline)) void wait_for_timer(unsigned n, unsigned depth)
{
    if (depth) {
        wait_for_timer(n, depth - 1);
        sum++;
        return;
    }
    struct itimerval every = {.it_interval = {.tv_usec = 500}, .it_value = {.tv_usec = 500}}, never = {0};
    timer_signals = 0;
    setitimer(ITIMER_REAL, &every, NULL);
    while ((unsigned)timer_signals < n)
        work();
    setitimer(ITIMER_REAL, &never, NULL);
}

static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    if (sigaction(number, &action, NULL)) abort();
}

static void faults(int flags)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | flags};
    if (sigaction(SIGSEGV, &action, NULL)) abort();
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (volatile int i = 0; i < 10; i++)
        if (sigsetjmp(out, 1) == 0) sum += (unsigned long)page[i];
    munmap(page, 4096);
}

static void round_of_signals(unsigned n, int flags)
{
    handle(SIGALRM, on_timer, flags | SA_RESTART);
    handle(SIGUSR1, on_user, flags);
    handle(SIGUSR2, on_user, flags);
    wait_for_timer(n, 0);
    wait_for_timer(n, 20);
    struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | flags};
    if (sigaction(SIGTRAP, &trap, NULL)) abort();
    work_in_steps();
    raise(SIGUSR1);
    kill(getpid(), SIGUSR1);
    faults(flags);
}

int main(int argc, char **argv)
{
    unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 300;
    static char alternate[64 << 10];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    round_of_signals(n, 0);
    if (sigaltstack(&stack, NULL)) abort();
    round_of_signals(n, SA_ONSTACK);
    dprintf(1, "allocations=%lu\n", allocations);
    return 0;
}
