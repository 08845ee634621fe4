/* No counter that is known to be invariant: CLOCK_MONOTONIC is used instead. */
#ifndef MEMTRACE_ARCH_TICKS_H
#define MEMTRACE_ARCH_TICKS_H

#include <stdbool.h>
#include <stdint.h>

/* Never called: ticks_are_invariant says why. */
static inline uint64_t ticks_read(void)
{
    return 0;
}

static inline uint64_t ticks_read_ordered(void)
{
    return 0;
}

static inline bool ticks_are_invariant(void)
{
    return false;
}

static inline uint64_t ticks_per_second(void)
{
    return 0;
}

#endif
