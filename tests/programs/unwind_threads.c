/* flags: -pthread */
/* Threads that allocate: with 16 KiB of stack, with large ones, on memory of the program's own, many in turn
 * on the same cached stack. Prints allocations=N. */
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static unsigned long allocations;
static volatile unsigned long sum;

static __attribute__((noinline)) void descend(unsigned depth)
{
    volatile unsigned long keep[4] = {depth};
    void *block = malloc(depth + 1);
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
    free(block);
    if (depth) descend(depth - 1);
    sum += keep[0];
}

static void *run(void *depth)
{
    for (int i = 0; i < 20; i++)
        descend((unsigned)(uintptr_t)depth);
    return NULL;
}

static void start(pthread_t *thread, size_t stack_bytes, void *stack, unsigned depth)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int failed = stack ? pthread_attr_setstack(&attributes, stack, stack_bytes)
                       : pthread_attr_setstacksize(&attributes, stack_bytes);
    if (failed || pthread_create(thread, &attributes, run, (void *)(uintptr_t)depth)) abort();
    pthread_attr_destroy(&attributes);
}

int main(void)
{
    enum { THREADS = 8, SMALL = 16384, LARGE = 1 << 20 };
    pthread_t threads[THREADS];
    char *own = mmap(NULL, THREADS * LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < THREADS; i++) {
            if (round % 3 == 0)
                start(&threads[i], SMALL, NULL, 30);
            else if (round % 3 == 1)
                start(&threads[i], LARGE, NULL, 300);
            else /* without a guard page between them */
                start(&threads[i], LARGE, own + i * LARGE, 300);
        }
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    dprintf(1, "allocations=%lu\n", allocations);
    return 0;
}
