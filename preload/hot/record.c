#include "hot/record.h"

#include <malloc.h>
#include "hot/clock.h"
#include "hot/next.h"
#include "hot/stack_delta.h"

/* Longest record without its stack: first byte, time, entry and alignment, size, address, usable size,
 * the counts of the stack delta. */
#define RECORD_FIXED_BYTES 96u
#define RECORD_FRAME_BYTES 12u /* longest address code */

static uint8_t *encode_time(struct lane *lane, uint8_t *at, uint64_t ticks)
{
    uint64_t previous = lane->previous_ticks;
    if (ticks < previous) ticks = previous;
    lane->previous_ticks = ticks;
    return encode_uleb128(at, ticks - previous);
}

static inline uint8_t *encode_block(struct lane *lane, uint8_t *at, void *block)
{
    return encode_address(at, &lane->blocks, lane->block_slots, (uint64_t)block, TRACE_BLOCK_CACHE_SHIFT,
                          TRACE_BLOCK_CACHE_BITS);
}

static inline uint8_t *encode_return(struct lane *lane, uint8_t *at, uint64_t address)
{
    return encode_address(at, &lane->returns, lane->return_slots, address, TRACE_FRAME_CACHE_SHIFT,
                          TRACE_FRAME_CACHE_BITS);
}

/* Whether a look at the usable size would teach the reader anything, and what. The allocator is asked at each
 * size's first 16 events and then 1 in 64. */
static inline bool usable_size_is_news(struct lane *lane, const struct allocation *allocation, int64_t *slack)
{
    struct usable_slot *slot = &lane->usable[trace_cache_slot(allocation->size, 0, TRACE_USABLE_CACHE_BITS)];
    bool same_size = slot->filled && slot->size == allocation->size;
    if (same_size && ++slot->events > 16 && (slot->events & 63) != 0) return false;
    int64_t found = (int64_t)(next_malloc_usable_size(allocation->block) - allocation->size);
    if (same_size && found == slot->slack) return false;
    if (found < 0 || found > UINT32_MAX) return false; /* an allocator's oddity: say nothing */
    *slot = (struct usable_slot){.size = allocation->size, .slack = (uint32_t)found, .filled = 1};
    *slack = found;
    return true;
}

/* Take the stack that begins at FROM into the lane's other buffer. Its depth; the buffers are not swapped. */
static inline uint32_t take_stack(struct lane *lane, const struct unwind_registers *from, bool *truncated)
{
    struct unwind_outcome outcome;
    uint64_t *frames = lane->frames[lane->current ^ 1];
    if (unlikely(recorder.unwinder != TRACE_UNWINDER_CFI))
        slow_other_stack(lane, from, frames, &outcome);
    else
        unwind_stack(&lane->unwind, from, frames, recorder.depth_limit, &outcome);
    if (unlikely(outcome.guessed)) slow_count_guessed();
    *truncated = outcome.truncated;
    return outcome.depth;
}

static uint8_t *encode_delta(struct lane *lane, uint8_t *at, const struct stack_delta *delta,
                             const uint64_t *frames, uint32_t depth, bool truncated)
{
    bool outer = truncated != lane->truncated || delta->outer_dropped != 0 || delta->outer_added != 0;
    at = encode_uleb128(at, (uint64_t)delta->dropped << 1 | outer);
    at = encode_uleb128(at, delta->added);
    if (unlikely(outer)) {
        *at++ = truncated;
        at = encode_uleb128(at, delta->outer_dropped);
        at = encode_uleb128(at, delta->outer_added);
        for (uint32_t i = depth - delta->outer_added; i < depth; i++)
            at = encode_return(lane, at, frames[i]);
    }
    for (uint32_t i = delta->added; i-- > 0;)
        at = encode_return(lane, at, frames[i]);
    return at;
}

/* The delta between the lane's previous stack and the one just taken, which becomes the previous one.
 * *FLAGS gains TRACE_STACK unless they are equal. */
static uint8_t *encode_stack(struct lane *lane, uint8_t *at, uint32_t depth, bool truncated, unsigned *flags)
{
    const uint64_t *previous = lane->frames[lane->current], *frames = lane->frames[lane->current ^ 1];
    struct stack_delta delta = likely(!truncated && !lane->truncated)
                                   ? stack_delta_complete(previous, lane->depth, frames, depth)
                                   : stack_delta_truncated(previous, lane->depth, frames, depth);
    bool same = (delta.dropped | delta.added | delta.outer_dropped | delta.outer_added) == 0;
    if (same && truncated == lane->truncated) return at; /* the buffer's content is the same, too */
    *flags |= TRACE_STACK;
    at = encode_delta(lane, at, &delta, frames, depth, truncated);
    lane->current ^= 1;
    lane->depth = depth;
    lane->truncated = truncated;
    return at;
}

void record_allocation(struct lane *lane, const struct allocation *allocation,
                       const struct unwind_registers *from)
{
    uint64_t ticks = 0;
    bool timed = clock_read(lane, &ticks); /* right after the call, before the walk */
    bool truncated;
    uint32_t depth = take_stack(lane, from, &truncated); /* may commit module records, even change chunks */
    if (unlikely(!record_room(lane, RECORD_FIXED_BYTES + (size_t)RECORD_FRAME_BYTES * depth))) return;

    uint8_t *start = lane->at, *at = start + 1;
    unsigned flags = timed ? TRACE_TIMED : 0;
    if (timed) at = encode_time(lane, at, ticks);
    unsigned operation = likely(allocation->block != NULL) ? allocation->operation : TRACE_FAILED;
    if (unlikely(operation == TRACE_ALIGNED || operation == TRACE_FAILED)) {
        *at++ = allocation->entry;
        *at++ = allocation->log2_alignment;
    }
    at = encode_uleb128(at, allocation->size);
    if (likely(operation != TRACE_FAILED)) {
        int64_t slack;
        at = encode_block(lane, at, allocation->block);
        if (recorder.usable_sizes && !(operation & TRACE_POOL) &&
            usable_size_is_news(lane, allocation, &slack)) {
            flags |= TRACE_USABLE;
            at = encode_uleb128(at, trace_zigzag(slack));
        }
    }
    at = encode_stack(lane, at, depth, truncated, &flags);
    record_commit(lane, start, operation | flags, at);
}

void record_free(struct lane *lane, unsigned operation, void *block)
{
    uint64_t ticks = 0;
    bool timed = clock_read(lane, &ticks);
    if (unlikely(!record_room(lane, RECORD_FIXED_BYTES))) return;
    uint8_t *start = lane->at, *at = start + 1;
    if (timed) at = encode_time(lane, at, ticks);
    at = encode_block(lane, at, block);
    record_commit(lane, start, operation | (timed ? TRACE_TIMED : 0), at);
}

void record_realloc_end(struct lane *lane, unsigned outcome, size_t size, const struct unwind_registers *from)
{
    uint64_t ticks = 0;
    bool timed = clock_read(lane, &ticks);
    bool truncated;
    uint32_t depth = take_stack(lane, from, &truncated);
    if (unlikely(!record_room(lane, RECORD_FIXED_BYTES + (size_t)RECORD_FRAME_BYTES * depth))) return;
    uint8_t *start = lane->at, *at = start + 1;
    unsigned flags = timed ? TRACE_TIMED : 0;
    if (timed) at = encode_time(lane, at, ticks);
    *at++ = (uint8_t)outcome;
    at = encode_uleb128(at, size);
    at = encode_stack(lane, at, depth, truncated, &flags);
    record_commit(lane, start, TRACE_REALLOC_END | flags, at);
}
