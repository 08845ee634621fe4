/* Per-thread state of the recorder, and the door that every hook goes through.
 *
 * A thread has two lanes. The first is the ordinary one; the second serves a signal handler that interrupts
 * the recorder in its own thread and allocates, so that nothing is lost and no state is torn. Each has its
 * own chunk, encoder state and unwinder state. A handler that interrupts the second lane finds none left:
 * its events are counted as lost.
 *
 * Everything is in one mapping a thread, made at the thread's first event; thread-local storage holds one
 * pointer to it. Initial-exec: the general model may allocate at the first access. */
#ifndef MEMTRACE_HOT_THREAD_H
#define MEMTRACE_HOT_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "memtrace/trace_format.h"
#include "hot/address_cache.h"
#include "hot/unwind.h"

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* What is known of the usable size of one class of sizes (docs/trace-format.md, "Usable size"). */
struct usable_slot {
    uint64_t class;
    uint32_t usable; /* bytes; larger ones are not kept. 0: nothing is known */
    uint32_t events; /* since the slot was filled: the first 16 are checked, then 1 in 64 */
};

struct lane {
    uint8_t *at;               /* where the next record begins; NULL: no chunk */
    uint8_t *populated_end;    /* pages up to here take a store without a fault */
    struct trace_chunk *chunk; /* the mapped chunk; NULL: none */
    uint64_t chunk_bytes;      /* of its mapping */
    struct trace_chunk
        *begun; /* a chunk that is mapped and not yet ready; NULL: none. A fork child must know */
    uint64_t begun_bytes;
    uint64_t filled_bytes;   /* of all chunks that this lane has filled: decides the next one's size */
    uint64_t chunk_offset;   /* of the mapped chunk in the file */
    uint64_t previous_chunk; /* file offset of the last sealed one; 0: none */
    uint64_t previous_ticks;
    uint64_t entry_stack_pointer; /* of the hook that is inside; read by nested entries */
    struct thread_state *thread;
    struct unwind_thread unwind;
    uint32_t number;  /* 0 or 1 */
    uint32_t serial;  /* of the thread that the stream belongs to, as the reader knows it */
    bool large_chunk; /* counted among the live large chunks */
    bool truncated;   /* the previous stack, as the reader knows it */
    uint32_t depth;   /* of the previous stack, as the reader knows it: the true one, or 0 after a reset */
    uint32_t stacks_written;               /* that the reader remembers, or has remembered, since the reset */
    uint64_t entry_chunk, entry_committed; /* last LANE_ENTRY written (second lane only) */
    struct address_cache blocks;
    uint64_t block_slots[1 << TRACE_BLOCK_CACHE_BITS];
    struct address_cache returns;
    uint64_t return_slots[1 << TRACE_FRAME_CACHE_BITS];
    struct usable_slot usable[1 << TRACE_USABLE_CACHE_BITS];
    uint64_t *frames[2]; /* scratch for what is rare: recorder.depth_limit addresses each */
};

struct thread_state {
    volatile uint32_t level; /* lanes in use: 0, 1, 2 */
    uint32_t serial;         /* from 1 in the process image */
    uint32_t tid;
    uint32_t untimed;          /* events since the clock was read (one thread only) */
    uint32_t untimed_limit;    /* read it after so many */
    uint64_t clock_ticks;      /* last reading */
    uint64_t thread_pointer;   /* identifies the thread among those alive */
    struct thread_state *next; /* in its bucket of all states */
    struct lane lanes[2];
};

/* recorder.selective: 0, the common case, costs one test. */
#define RECORDER_PAUSED  1u /* memtrace_stop(): allocations are not recorded */
#define RECORDER_SAMPLED 2u /* MEMTRACE_SAMPLE: hot/sample.h decides */

/* Shared by all threads of the process image; written by init and by rare events only. */
struct recorder {
    struct trace_header *header; /* mapped shared; NULL before init */
    uint32_t depth_limit;        /* frames */
    enum trace_unwinder unwinder;
    bool preempted;           /* the executable defines realloc: ours is not the program's */
    bool monotonic_clock;     /* no invariant TSC: ticks are ns */
    bool usable_sizes;        /* the next library has malloc_usable_size */
    atomic_bool many_threads; /* a second thread has been seen, ever */
    atomic_uint selective;    /* RECORDER_PAUSED, RECORDER_SAMPLED: not all allocations are recorded */
    bool samples_allowed;     /* RSS samples from inside (no inherited sandbox) */
    uint64_t ticks_per_ms;    /* rough; for intervals only */
    uint64_t sample_ticks;    /* when the next RSS sample is due */
};
extern struct recorder recorder;

/* What fork wipes (MADV_WIPEONFORK): zero means a new process image, whoever made it. A vfork or CLONE_VM
 * child shares it and goes on in the caller's lane. It fills the largest page there is: whatever else lay in
 * the page would be wiped, too. */
#define IMAGE_PAGE_BYTES 65536u
enum image_state { IMAGE_NEW = 0, IMAGE_RECORDING = 1, IMAGE_OFF = 2, IMAGE_BUSY = 3 /* initialising */ };
extern struct image_page {
    _Atomic uint32_t state; /* enum image_state */
    uint8_t nothing_else[IMAGE_PAGE_BYTES - 4];
} image_page;

extern __thread struct thread_state *thread_self __attribute__((tls_model("initial-exec")));

#include "slow/slow.h"

/* Enter the recorder: the lane to record into, or NULL (not recording; or a third level, counted). The fences
 * are for this thread's own signal handlers, which see level and entry_stack_pointer in this order. The
 * image's state is asked last: a handler may have forked, and it is the child that goes on here. */
static inline struct lane *recorder_enter(void)
{
    struct thread_state *self = thread_self;
    if (unlikely(self == NULL || self->level != 0)) return slow_enter();
    self->lanes[0].entry_stack_pointer = (uint64_t)__builtin_frame_address(0);
    atomic_signal_fence(memory_order_seq_cst);
    self->level = 1;
    atomic_signal_fence(memory_order_seq_cst);
    /* Again: a handler that came between the two stores above used this lane and left its own. */
    self->lanes[0].entry_stack_pointer = (uint64_t)__builtin_frame_address(0);
    if (unlikely(atomic_load_explicit(&image_page.state, memory_order_relaxed) != IMAGE_RECORDING))
        return slow_enter_again(self);
    return &self->lanes[0];
}

static inline void recorder_leave(struct lane *lane)
{
    atomic_signal_fence(memory_order_seq_cst);
    lane->thread->level = lane->number;
}

#endif
