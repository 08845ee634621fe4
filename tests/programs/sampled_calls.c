/* sampled_calls: every entry point with blocks of 16 bytes and of 64 MiB and more, none touched. Sampled at
 * 1 MiB the latter are recorded (all but 1 in e^64), and the former are not (1 in 65,536): the test has the
 * list of what the trace must hold. Prints nothing.
 * flags: -pthread */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "memtrace/memtrace.h"

#define SMALL 16u
#define LARGE (64ul << 20)
static volatile size_t impossible = SIZE_MAX / 2; /* the compiler need not know */

/* A call that must fail, of which the compiler need not know that the block is as before. */
static void fails(void *(*call)(void *, size_t), void *block)
{
    errno = 0;
    if (call(block, impossible) != NULL || errno != ENOMEM) abort();
}

static void *array_of_four(void *block, size_t count)
{
    return reallocarray(block, count, 4);
}

static void check(int holds)
{
    if (!holds) abort();
}

static void plain_calls(void)
{
    void *blocks[16];
    int n = 0;
    check((blocks[n++] = malloc(SMALL)) != NULL);
    check((blocks[n++] = malloc(LARGE + 1)) != NULL);
    check((blocks[n++] = calloc(2, SMALL)) != NULL);
    check((blocks[n++] = calloc(2, LARGE)) != NULL);
    check((blocks[n++] = realloc(NULL, LARGE + 2)) != NULL);
    check((blocks[n++] = reallocarray(NULL, 3, LARGE)) != NULL);
    check((blocks[n++] = aligned_alloc(64, SMALL)) != NULL);
    check((blocks[n++] = aligned_alloc(64, LARGE + 64)) != NULL);
    check((blocks[n++] = memalign(128, LARGE + 3)) != NULL);
    check((blocks[n++] = valloc(LARGE + 4)) != NULL);
    check((blocks[n++] = pvalloc(LARGE + 5)) != NULL);
    check(posix_memalign(&blocks[n++], 64, LARGE + 6) == 0);
    check(posix_memalign(&blocks[n++], 64, SMALL) == 0);
    check(malloc(impossible) == NULL);
    while (n > 0)
        free(blocks[--n]);
}

/* The old block recorded or not, the new one recorded, not recorded or not to be had. */
static void reallocations(void)
{
    void *small = malloc(SMALL), *large = malloc(LARGE + 10);
    check((small = realloc(small, SMALL + 8)) != NULL);
    check((large = realloc(large, LARGE + 11)) != NULL);
    fails(realloc, small);
    fails(realloc, large);
    fails(array_of_four, large);
    check((large = realloc(large, SMALL)) != NULL);
    check((small = reallocarray(small, 1, LARGE + 12)) != NULL);
    free(small);
    free(large);
    large = malloc(LARGE + 13);
    check(realloc(large, 0) == NULL);
    small = malloc(SMALL);
    check(realloc(small, 0) == NULL);
}

static void *free_in_thread(void *block)
{
    free(block);
    return NULL;
}

/* Blocks that others free: a thread, a fork child (its copies), and after that their owner. */
static void handed_over(void)
{
    void *small = malloc(SMALL), *large = malloc(LARGE + 20), *kept = malloc(LARGE + 21);
    pthread_t thread;
    check(pthread_create(&thread, NULL, free_in_thread, large) == 0);
    pthread_join(thread, NULL);
    pid_t child = fork();
    if (child == 0) {
        free(small);
        free(kept);
        free(malloc(LARGE + 22));
        _exit(0);
    }
    waitpid(child, NULL, 0);
    free(small);
    free(kept);
}

static void pools_and_pauses(void)
{
    char *pool = malloc(LARGE + 30);
    memtrace_allocated(pool, LARGE);
    memtrace_allocated(pool + LARGE, SMALL);
    memtrace_freed(pool + LARGE);
    memtrace_freed(pool);
    memtrace_stop();
    void *unrecorded = malloc(LARGE + 31);
    check((pool = realloc(pool, LARGE + 32)) != NULL); /* to the trace: a free */
    memtrace_start();
    free(unrecorded);
    free(pool);
}

int main(void)
{
    plain_calls();
    reallocations();
    handed_over();
    pools_and_pauses();
    return 0;
}
