/* The clocks that a trace may be timed with, read from outside on the same machine. */
#ifndef ANALYZER_WATCH_CLOCK_H
#define ANALYZER_WATCH_CLOCK_H

#include <stdint.h>
#include <time.h>

struct moment {
    uint64_t monotonic_ns; /* CLOCK_MONOTONIC */
    uint64_t tsc;          /* the time stamp counter then; equals monotonic_ns on machines without one */
};

static inline uint64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline struct moment moment_now(void)
{
    struct moment now;
    now.monotonic_ns = monotonic_now();
#if defined(__x86_64__)
    now.tsc = __builtin_ia32_rdtsc();
#else
    now.tsc = now.monotonic_ns;
#endif
    return now;
}

#endif
