/* When an event happened: a reading of the clock, or implicit order.
 *
 * While the process has one thread its events are ordered by their place in the lane, and the clock (7-17 ns
 * in a virtual machine) is read every k-th event only: k = 1 when more than 1 ms has passed since the last
 * reading, else doubling up to 64. From the second thread on every event is timed, for good. */
#ifndef MEMTRACE_HOT_CLOCK_H
#define MEMTRACE_HOT_CLOCK_H

#include <time.h>
#include "hot/thread.h"
#include "ticks.h"

#define CLOCK_LONGEST_UNTIMED_RUN 64u

/* glibc 2.32: nonzero until pthread_create is called for the first time. Weak: without it all is timed. */
extern char __libc_single_threaded __attribute__((weak));

static inline uint64_t clock_ticks(void)
{
    return unlikely(recorder.monotonic_clock) ? slow_monotonic_ns() : ticks_read();
}

/* The same, not before the loads in front of it have completed: those by which the allocator took the block
 * from what another thread gave back, or by which the program got it from the thread that allocated it. A
 * bare read may be executed before them: 10 blocks in 128 million events were allocated before they were
 * freed. */
static inline uint64_t clock_ticks_ordered(void)
{
    return unlikely(recorder.monotonic_clock) ? slow_monotonic_ns() : ticks_read_ordered();
}

static inline bool clock_one_thread(void)
{
    if (atomic_load_explicit(&recorder.many_threads, memory_order_relaxed)) return false;
    if (likely(&__libc_single_threaded != NULL && __libc_single_threaded)) return true;
    atomic_store_explicit(&recorder.many_threads, true, memory_order_relaxed);
    return false;
}

/* Read the clock into *TICKS and return true, or return false: this event goes without a time. */
static inline bool clock_read(struct lane *lane, uint64_t *ticks)
{
    if (unlikely(!clock_one_thread())) {
        *ticks = clock_ticks_ordered();
        return true;
    }
    struct thread_state *self = lane->thread;
    if (likely(++self->untimed < self->untimed_limit)) return false;
    uint64_t now = clock_ticks();
    if (now - self->clock_ticks > recorder.ticks_per_ms)
        self->untimed_limit = 1;
    else if (self->untimed_limit < CLOCK_LONGEST_UNTIMED_RUN)
        self->untimed_limit *= 2;
    self->untimed = 0;
    self->clock_ticks = now;
    if (unlikely(now >= recorder.sample_ticks)) now = slow_sample_due(lane);
    *ticks = now;
    return true;
}

#endif
