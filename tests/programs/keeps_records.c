/* flags: -fno-omit-frame-pointer -fno-optimize-sibling-calls -pthread */
/* Allocates from stacks of many depths, again and again, in two threads and in a signal handler; every
 * function but the C library's keeps a frame record. The same names on every machine, so that stacks can be
 * compared. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEEP __attribute__((noinline))

static void *volatile kept;

static KEEP void allocate(unsigned size)
{
    kept = malloc(size);
    free(kept);
    kept = NULL;
}

static KEEP void odd(unsigned n);

static KEEP void even(unsigned n)
{
    allocate(n + 1);
    if (n) odd(n - 1);
    allocate(n + 1);
}

static KEEP void odd(unsigned n)
{
    allocate(n + 1);
    if (n) even(n - 1);
    kept = NULL;
}

static void *in_thread(void *argument)
{
    for (unsigned i = 0; i < 30; i++)
        even(i);
    return argument;
}

static void handler(int number)
{
    (void)number;
    odd(3);
}

/* The signal comes here, where the record is made, and not in the C library. */
static KEEP void interrupted(void)
{
    long thread = syscall(SYS_gettid);
#ifdef __aarch64__
    register long x8 __asm__("x8") = SYS_tkill;
    register long x0 __asm__("x0") = thread;
    register long x1 __asm__("x1") = SIGUSR1;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
#else
    long result = SYS_tkill;
    __asm__ volatile("syscall" : "+a"(result) : "D"(thread), "S"((long)SIGUSR1) : "rcx", "r11", "memory");
#endif
    kept = NULL;
}

int main(void)
{
    pthread_t thread;
    signal(SIGUSR1, handler);
    for (unsigned i = 0; i < 100; i++) {
        even(i);
        if (i % 10 == 0) interrupted();
    }
    even(700);
    if (pthread_create(&thread, NULL, in_thread, NULL) != 0) return 2;
    pthread_join(thread, NULL);
    return 0;
}
