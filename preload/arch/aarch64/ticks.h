/* The virtual count of the generic timer, which Linux lets programs read and its own clocks are made of. One
 * rate in every power state, the same on all processors. Source: Arm ARM (DDI 0487), D12, "The Generic
 * Timer".
 *
 * A tick may be as long as 40 ns: an event and one that it caused on another processor can have the same time
 * where the hand-over took less. */
#ifndef MEMTRACE_ARCH_TICKS_H
#define MEMTRACE_ARCH_TICKS_H

#include <stdbool.h>
#include <stdint.h>

/* Not before the loads in front of it have completed: without the barrier the processor may read the counter
 * long before, and here nothing in an allocator's fast path forbids it. */
static inline uint64_t ticks_read_ordered(void)
{
    uint64_t ticks;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    return ticks;
}

static inline uint64_t ticks_read(void)
{
    return ticks_read_ordered();
}

static inline bool ticks_are_invariant(void)
{
    return true;
}

/* Ticks in a second, as the firmware has set it; 0: it has not, measure. */
static inline uint64_t ticks_per_second(void)
{
    uint64_t frequency;
    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}

#endif
