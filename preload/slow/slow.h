/* The few cold entry points that hot code may call. There is no other door out of the hot path.
 * All run inside a hook: raw system calls only, bounded stack, no lock, no allocation, errno left alone. */
#ifndef MEMTRACE_SLOW_SLOW_H
#define MEMTRACE_SLOW_SLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOW __attribute__((noinline, cold))

struct lane;
struct thread_state;

/* recorder_enter's rest: first event of the process image (fork child); first event of a thread; a first lane
 * that is busy (the second one, or the first cleared where a handler left it by siglongjmp; NULL at a third
 * level, which is counted); not recording (NULL). */
SLOW struct lane *slow_enter(void);
/* The same for a thread that has made its first lane busy already: that is undone. */
SLOW struct lane *slow_enter_again(struct thread_state *self);

/* BYTES at lane->at, by populating more of the chunk or by a new chunk. At most 64 KiB less a chunk header
 * may be asked for. False: recording has stopped (the reason is in the header). */
SLOW bool slow_make_room(struct lane *lane, size_t bytes);

/* Take an RSS sample into the lane, choose when the next is due, and return the clock as of now. */
SLOW uint64_t slow_sample_due(struct lane *lane);

/* CLOCK_MONOTONIC in ns, for machines without an invariant TSC. */
SLOW uint64_t slow_monotonic_ns(void);

/* A stack was continued through code without CFI by frame pointers. */
SLOW void slow_count_guessed(void);

/* sample_chosen's rest, where the thread's draw ends within an allocation of BYTES, or was never made. */
SLOW bool slow_sample_chosen(uint64_t bytes);

/* Put the block KEY (sampled_key) into the set of recorded live blocks. */
SLOW void slow_sampled_insert(uint64_t key);
/* sampled_take's rest: look for it. */
SLOW bool slow_sampled_take(uint64_t key);

/* As unwind_stack with the recorder's depth limit, by the unwinder that was chosen: libunwind, or frame
 * pointers. */
struct unwind_registers;
struct unwind_outcome;
SLOW void slow_other_stack(struct lane *lane, const struct unwind_registers *from,
                           struct unwind_outcome *outcome);

#endif
