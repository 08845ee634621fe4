/* Stacks that the program switches by hand: makecontext's on the heap, in a mapping of their own that is
 * unmapped and made again, side by side without a guard between; coroutines that call each other; one
 * abandoned by longjmp. All of them allocate at several depths. Prints allocations=N. */
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_BYTES 16384u
#define COROUTINES  16u

static unsigned long allocations;
static volatile unsigned long sum;
static ucontext_t scheduler, contexts[COROUTINES];
static jmp_buf out;

static __attribute__((noinline)) void allocate(size_t size)
{
    void *block = malloc(size);
    allocations++;
    sum += (uintptr_t)block & 1;
    free(block);
}

static __attribute__((noinline)) void descend(unsigned depth, ucontext_t *self, ucontext_t *other)
{
    volatile unsigned long keep[40] = {depth};
    allocate(depth + 1);
    if (depth)
        descend(depth - 1, self, other);
    else
        swapcontext(self, other);
    allocate(depth + 2);
    sum += keep[0];
}

static void run(int number)
{
    ucontext_t *self = &contexts[number];
    for (unsigned i = 0; i < 5; i++)
        descend(i * 4, self, &scheduler);
}

static void leave(int number)
{
    allocate((size_t)number + 1);
    longjmp(out, 1);
}

static void make(unsigned number, void *stack, void (*function)(int))
{
    ucontext_t *context = &contexts[number];
    if (getcontext(context)) abort();
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK_BYTES;
    context->uc_link = &scheduler;
    makecontext(context, (void (*)(void))function, 1, (int)number);
}

/* All coroutines in turn until each has returned. */
static void schedule(void)
{
    for (unsigned turn = 0; turn < 6; turn++) {
        for (unsigned i = 0; i < COROUTINES; i++) {
            swapcontext(&scheduler, &contexts[i]);
            allocate(turn + i + 1);
        }
    }
}

int main(void)
{
    char *heap = malloc(COROUTINES * STACK_BYTES);
    allocations++;
    for (unsigned i = 0; i < COROUTINES; i++)
        make(i, heap + i * STACK_BYTES, run);
    schedule();
    free(heap);
    for (unsigned round = 0; round < 3; round++) {
        void *stacks[COROUTINES];
        for (unsigned i = 0; i < COROUTINES; i++) {
            stacks[i] = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (stacks[i] == MAP_FAILED) abort();
            make(i, stacks[i], run);
        }
        schedule();
        for (unsigned i = 0; i < COROUTINES; i++)
            munmap(stacks[i], STACK_BYTES);
    }
    void *last = malloc(STACK_BYTES);
    allocations++;
    make(0, last, leave);
    if (setjmp(out) == 0) setcontext(&contexts[0]);
    free(last);
    dprintf(1, "allocations=%lu\n", allocations);
    return 0;
}
