/* load_pairs [PAIRS] [DEPTH] [THREADS] [STACKS] [LARGEST]: each thread replaces blocks of a table of 10,000:
 * a free and a malloc in turn, DEPTH frames of this program deep. For measuring the recorder beside an
 * allocator at work: slot and size are random (16 to LARGEST bytes, default 1,536), as in a cache whose
 * entries come and go, so that the freed block is seldom the next one handed out, and a third of the sizes
 * are beyond what glibc's per-thread cache keeps (1,032 bytes). pair.c, in a fixed order and with small
 * sizes, is answered by that cache alone: a third of this program's time for a pair. STACKS: a power of two,
 * default 1: so many distinct stacks, one drawn for each pair: the inner frames each return to one of two
 * places. 1: the loop runs in the innermost frame, and no frame ever changes. flags: -pthread */
#include "counted.h"
#include <pthread.h>

enum { LIVE = 10000, THREADS_MAX = 64 };

static long pairs = 1000000, depth = 20, largest = 1536;
static unsigned forks; /* frames that return to one of two places */

struct table {
    uint64_t random;
    void *live[LIVE];
};

static inline void replace(struct table *table)
{
    uint64_t random = counted_random(&table->random);
    void **slot = &table->live[(uint32_t)random % LIVE];
    size_t size = 16 + (size_t)(random >> 32) % (size_t)(largest - 15);
    free(*slot);
    *slot = malloc(size);
}

static __attribute__((noinline)) void replace_all(struct table *table)
{
    for (long pair = 0; pair < pairs; pair++)
        replace(table);
}

/* PATH: one bit a frame says from which of the two calls the next is reached. */
static __attribute__((noinline)) void fork_stack(unsigned left, uint64_t path, struct table *table)
{
    if (left == 0)
        replace(table);
    else if (path & 1) {
        fork_stack(left - 1, path >> 1, table);
        __asm__ volatile("# left" ::: "memory"); /* two calls, not one; and no jumps */
    } else {
        fork_stack(left - 1, path >> 1, table);
        __asm__ volatile("# right" ::: "memory");
    }
}

static __attribute__((noinline)) void replace_from_stacks(struct table *table)
{
    uint64_t random = 88172645463325252u;
    for (long pair = 0; pair < pairs; pair++)
        fork_stack(forks, counted_random(&random) >> 20, table);
}

static __attribute__((noinline)) void deeper(long levels, struct table *table)
{
    if (levels > 0)
        deeper(levels - 1, table);
    else if (forks > 0)
        replace_from_stacks(table);
    else
        replace_all(table);
    __asm__ volatile("" ::: "memory");
}

static void *run(void *seed)
{
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL) abort();
    table->random = 88172645463325252u + (uintptr_t)seed;
    /* The other frames: main, run, deeper with no levels left, the loop's. */
    deeper(depth - 4 - (forks > 0 ? (long)forks + 1 : 0), table);
    for (int slot = 0; slot < LIVE; slot++)
        free(table->live[slot]);
    free(table);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc > 1) pairs = atol(argv[1]);
    if (argc > 2) depth = atol(argv[2]);
    long threads = argc > 3 ? atol(argv[3]) : 1, stacks = argc > 4 ? atol(argv[4]) : 1;
    if (argc > 5) largest = atol(argv[5]);
    while (1L << forks < stacks)
        forks++;
    if (threads < 1 || threads > THREADS_MAX || largest < 16 || depth < 5 + (long)forks) return 2;
    pthread_t others[THREADS_MAX];
    for (long i = 1; i < threads; i++)
        if (pthread_create(&others[i], NULL, run, (void *)(uintptr_t)i) != 0) return 1;
    run(NULL);
    for (long i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
    return 0;
}
