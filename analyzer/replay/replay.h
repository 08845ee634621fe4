/* Replay: events, in the trace's order, become a model of the heap. Reducers look at the model and at what
 * each event did to it; they change nothing.
 *
 * Counting is valgrind's: every allocation that returned a block is one allocation; realloc of a block is one
 * free and one allocation; a failed call is neither, and a failed realloc leaves its block as it was.
 * Blocks that the program reports of pools of its own (memtrace_allocated) lie inside blocks of the
 * allocator. They have an address space, sites and totals of their own and count in no other.
 * Memory follows live blocks, distinct stacks and threads, never events.
 *
 * A sampled trace has some of the events. Then the counts here are of what was recorded, fit for no print,
 * and `estimates` of the totals, sites and threads say what they stand for. What depends on the events in
 * between (temporary allocations) stays 0, and so do frees of blocks that the trace does not have: they are
 * not its. */
#ifndef ANALYZER_REPLAY_REPLAY_H
#define ANALYZER_REPLAY_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "reader/event.h"
#include "reader/trace_file.h"
#include "replay/estimate.h"
#include "replay/marks.h"
#include "replay/modules.h"
#include "replay/stack_tree.h"

/* Of a sampled trace: what counts of events and bytes stand for. */
struct heap_estimates {
    struct estimate allocations, allocated_bytes, frees, failed, reallocations, truncated_stacks;
    struct estimate live_blocks, live_bytes;
    struct estimate peak_blocks, peak_bytes; /* of a site: as peak_bytes of struct site */
    uint64_t least_bytes;                    /* the smallest size recorded; UINT64_MAX: none */
};

/* What the blocks of one distinct stack did; of pools and of the allocator apart. */
struct site {
    uint32_t stack; /* node of the stack tree */
    uint32_t other; /* the site of the same stack and the other kind, or 0 */
    bool pool;
    uint64_t allocations, allocated_bytes, temporary, failed;
    uint64_t live_blocks, live_bytes;
    /* What was live at the last global peak before the site changed; see site_peak. */
    uint64_t peak_epoch, peak_blocks, peak_bytes;
};

struct heap_totals {
    uint64_t allocations, allocated_bytes, frees, temporary, failed, reallocations;
    uint64_t live_blocks, live_bytes;
    uint64_t peak_bytes, peak_blocks, peak_ticks; /* the first moment of the most live bytes */
    uint64_t peak_epoch;                          /* counts the peaks so far */
    /* Frees of blocks that replay does not know, each in one of: a fork child's, which the parent allocated;
     * those after a stop mark, when allocations go unrecorded; the rest. */
    uint64_t frees_inherited, frees_unrecorded, frees_unknown;
    uint64_t displaced;              /* blocks whose free is missing: their address was allocated again */
    struct heap_estimates estimates; /* of a sampled trace; peak_ticks and peak_epoch are then of these */
};

struct replay_thread {
    uint64_t serial, tid; /* tid 0: unknown */
    uint64_t allocations, frees, allocated_bytes;
};

struct replay { /* for reducers: all of it is there to be read */
    struct trace *trace;
    struct modules *modules;
    struct stack_tree *stacks;
    struct marks marks;
    struct heap_totals heap, pool;
    struct site *sites; /* from 1; [0] is nothing */
    size_t site_count;
    size_t distinct_stacks; /* that blocks, of whatever kind, were allocated from */
    struct replay_thread *threads;
    size_t thread_count;
    uint64_t rate_bytes; /* of the sampling; 0: the trace has all events, and no estimates are made */
    bool intervals; /* results have room for intervals: this trace, or another of the command's, is sampled */
    struct heap_estimates *site_estimates, *thread_estimates; /* as sites, threads; NULL: rate_bytes is 0 */
    uint64_t events;                                          /* all records */
    uint64_t ticks;                                           /* of the last record */
    uint64_t truncated_stacks;                                /* allocations whose stack is truncated */
    struct replay_private *private;
};

enum effect {
    EFFECT_NONE,
    EFFECT_ALLOCATED,
    EFFECT_FREED,
    EFFECT_RESTORED, /* a failed realloc: the block freed by its begin is live again, as if nothing was */
    EFFECT_FAILED, /* an allocation that returned no block; a failed realloc's begin was of no known block */
};

/* What one event did. A freed or restored block's site and size are its own. */
struct replay_step {
    enum effect effect;
    bool pool;
    bool temporary;  /* freed by the very next event of the process; restored: it had counted as such */
    bool baseline;   /* a mark that moves the baseline to this moment */
    bool displaced;  /* an allocation at a live block's address: that block is gone without a free */
    uint32_t site;   /* 0: none */
    uint32_t thread; /* index of replay.threads, or UINT32_MAX for records from outside */
    uint64_t size;
    uint32_t displaced_site;
    uint64_t displaced_size;
};

struct replay *replay_new(struct trace *trace);
void replay_free(struct replay *replay);

/* Apply EVENT, the next in order; *STEP says what it did. */
void replay_apply(struct replay *replay, const struct event *event, struct replay_step *step);

/* When the trace ends: at the process's exit where that is known, at the last record otherwise. */
uint64_t replay_end(const struct replay *replay);

/* What SITE contributed at the moment of the global peak (of its kind). Exact: a site remembers its state
 * before it changes for the first time since the last peak; so no peak has to look at all sites. */
void site_peak(const struct replay *replay, const struct site *site, uint64_t *bytes, uint64_t *blocks);
/* The same of a sampled trace, where the peak is that of the estimated live bytes. */
void site_peak_estimates(const struct replay *replay, uint32_t site, struct estimate *bytes,
                         struct estimate *blocks);

#endif
