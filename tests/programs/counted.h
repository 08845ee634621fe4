/* Allocation calls that count themselves, for programs whose counts the tests compare with the trace's.
 * Counted as memtrace and valgrind count: a realloc of a block to a size that is not zero is one free and one
 * allocation; what returns no block allocates nothing; free(NULL) is nothing. Single-threaded. */
#ifndef TESTS_PROGRAMS_COUNTED_H
#define TESTS_PROGRAMS_COUNTED_H
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long long counted_allocations, counted_frees, counted_bytes, counted_failures;

static inline void *counted_result(void *block, size_t size)
{
    if (block) {
        counted_allocations++;
        counted_bytes += size;
    } else {
        counted_failures++;
    }
    return block;
}

static inline void *counted_malloc(size_t size)
{
    return counted_result(malloc(size), size);
}

static inline void *counted_calloc(size_t members, size_t size)
{
    return counted_result(calloc(members, size), members * size);
}

static inline void counted_free(void *block)
{
    counted_frees += block != NULL;
    free(block);
}

/* glibc's rule: realloc(p, 0) frees p and returns NULL; realloc(NULL, n) is malloc(n). */
static inline void *counted_realloc(void *block, size_t size)
{
    void *moved = realloc(block, size);
    if (block && (moved || size == 0)) counted_frees++;
    if (block && size == 0) return NULL;
    return counted_result(moved, size);
}

/* Print the counts. By snprintf and write: stdio's buffer would be an allocation, and dprintf makes one, too.
 */
static inline int counted_print(void)
{
    char line[160];
    int length =
        snprintf(line, sizeof(line), "allocations=%llu frees=%llu allocated_bytes=%llu failed=%llu\n",
                 counted_allocations, counted_frees, counted_bytes, counted_failures);
    return write(1, line, (size_t)length) == length ? 0 : 1;
}

/* A fixed sequence of pseudo-random numbers (xorshift64), the same in every run. */
static inline uint64_t counted_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}
#endif
