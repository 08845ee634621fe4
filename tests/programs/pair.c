/* pair [PAIRS] [DEPTH] [THREADS]: each thread frees and allocates in turn over 10,000 live blocks, DEPTH
 * frames deep, always from one stack. For measuring the recorder: the shortest work there is around a malloc.
 * flags: -pthread */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LIVE = 10000 };

static long pairs = 5000000, depth = 20;

static __attribute__((noinline)) uint64_t leaf(void **live)
{
    uint64_t sum = 0;
    for (long pair = 0; pair < pairs; pair++) {
        void **slot = &live[pair * 7919 % LIVE];
        free(*slot);
        *slot = malloc(16 + (size_t)(pair & 255));
        sum += (uintptr_t)*slot;
    }
    return sum;
}

static __attribute__((noinline)) uint64_t deeper(long levels, void **live)
{
    uint64_t sum = levels > 0 ? deeper(levels - 1, live) : leaf(live);
    __asm__ volatile("" : "+r"(sum)); /* keeps the call from becoming a jump */
    return sum;
}

static void *run(void *unused)
{
    (void)unused;
    void **live = calloc(LIVE, sizeof(*live));
    uint64_t sum = deeper(depth, live);
    for (int i = 0; i < LIVE; i++)
        free(live[i]);
    free(live);
    return (void *)(uintptr_t)(sum & 1);
}

int main(int argc, char **argv)
{
    if (argc > 1) pairs = atol(argv[1]);
    if (argc > 2) depth = atol(argv[2]);
    long threads = argc > 3 ? atol(argv[3]) : 1;
    pthread_t others[64];
    if (threads < 1 || threads > 65) return 2;
    for (long i = 1; i < threads; i++)
        if (pthread_create(&others[i - 1], NULL, run, NULL) != 0) return 1;
    run(NULL);
    for (long i = 1; i < threads; i++)
        pthread_join(others[i - 1], NULL);
    return 0;
}
