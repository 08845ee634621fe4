#include "hot/record.h"

#include <malloc.h>
#include "hot/clock.h"
#include "hot/next.h"
#include "hot/stack_delta.h"

/* Longest record without its stack: first byte, time, entry and alignment, size, address, usable size,
 * the counts of the stack delta. */
#define RECORD_FIXED_BYTES 96u
#define RECORD_FRAME_BYTES 12u /* longest address code */

_Static_assert(UNWIND_STACKS == TRACE_REMEMBERED_STACKS, "reader and writer remember the same");
_Static_assert(1u << TRACE_FRAME_CACHE_BITS <= 128, "a slot is a LEB128 of one byte");

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

/* Return addresses are nearly all in the cache, unlike blocks: a branch that is guessed right. */
static inline uint8_t *encode_return(struct lane *lane, uint8_t *at, uint64_t address)
{
    unsigned slot = trace_cache_slot(address, TRACE_FRAME_CACHE_SHIFT, TRACE_FRAME_CACHE_BITS);
    if (likely(lane->return_slots[slot] == address)) {
        lane->returns.previous = address;
        *at = (uint8_t)slot;
        return at + 1;
    }
    return encode_address(at, &lane->returns, lane->return_slots, address, TRACE_FRAME_CACHE_SHIFT,
                          TRACE_FRAME_CACHE_BITS);
}

/* Whether a look at the usable size of BLOCK would teach the reader anything, and what. The allocator is
 * asked at the first 16 events of each class of sizes and then at 1 in 64: to answer it reads the block
 * behind this one, which is seldom in the cache. */
static inline bool usable_size_is_news(struct lane *lane, size_t size, void *block, int64_t *slack)
{
    uint64_t class = (size + (1u << TRACE_USABLE_CLASS_SHIFT) - 1) >> TRACE_USABLE_CLASS_SHIFT;
    struct usable_slot *slot = &lane->usable[class % (1u << TRACE_USABLE_CACHE_BITS)];
    bool known = slot->class == class && slot->usable >= size && slot->usable != 0;
    if (likely(known) && ++slot->events > 16 && (slot->events & 63) != 0) return false;
    uint64_t found = next_malloc_usable_size(block);
    if (known && found == slot->usable) return false;
    if (found < size || found > UINT32_MAX || found == 0)
        return false; /* an allocator's oddity: say nothing */
    *slot = (struct usable_slot){.class = class, .usable = (uint32_t)found};
    *slack = (int64_t)(found - size);
    return true;
}

/* What a record with STACK takes at most. */
static inline size_t record_bytes(const struct unwind_outcome *stack)
{
    return RECORD_FIXED_BYTES + (size_t)RECORD_FRAME_BYTES * unwind_depth(stack);
}

/* Take the stack that begins at FROM by a walk; it is not yet kept. NEXT: of unwind_find. May commit module
 * records, even change chunks. */
static void take_stack(struct lane *lane, const struct unwind_registers *from,
                       const struct unwind_frame *next, struct unwind_outcome *stack)
{
    if (unlikely(recorder.unwinder != TRACE_UNWINDER_CFI))
        slow_other_stack(lane, from, stack);
    else
        unwind_stack(&lane->unwind, from, next, recorder.depth_limit, stack);
    if (unlikely(stack->guessed)) slow_count_guessed();
}

/* The delta where STACK or the previous one is cut by the depth limit; NULL: none, they are equal. */
static __attribute__((noinline, cold)) uint8_t *encode_truncated(struct lane *lane, uint8_t *at,
                                                                 const struct unwind_outcome *stack)
{
    uint64_t *previous = lane->frames[0], *frames = lane->frames[1];
    uint32_t depth = unwind_depth(stack);
    for (uint32_t i = 0; i < lane->depth; i++)
        previous[lane->depth - 1 - i] = unwind_previous(&lane->unwind)->frames[i].pc;
    for (uint32_t i = 0; i < depth; i++)
        frames[depth - 1 - i] = unwind_frame_pc(&lane->unwind, stack, i);
    struct stack_delta delta = stack_delta_truncated(previous, lane->depth, frames, depth);
    bool same = (delta.dropped | delta.added | delta.outer_dropped | delta.outer_added) == 0;
    if (same && stack->truncated == lane->truncated) return NULL;
    at = encode_uleb128(at, (uint64_t)delta.dropped << TRACE_DELTA_SHIFT | TRACE_DELTA_OUTER | TRACE_DELTA);
    at = encode_uleb128(at, delta.added);
    *at++ = stack->truncated;
    at = encode_uleb128(at, delta.outer_dropped);
    at = encode_uleb128(at, delta.outer_added);
    for (uint32_t i = depth - delta.outer_added; i < depth; i++)
        at = encode_return(lane, at, frames[i]);
    for (uint32_t i = delta.added; i-- > 0;)
        at = encode_return(lane, at, frames[i]);
    return at;
}

/* The delta between two complete stacks; NULL: none, they are equal. Equal return addresses alone are not
 * enough where STACK can be reused: another stack pointer makes it another one to be remembered. */
static inline uint8_t *encode_complete(struct lane *lane, uint8_t *at, const struct unwind_outcome *stack)
{
    const struct unwind_thread *unwind = &lane->unwind;
    const struct unwind_frame *previous = unwind_previous(unwind)->frames;
    uint32_t depth = unwind_depth(stack), limit = depth < lane->depth ? depth : lane->depth;
    uint32_t common = stack->kept < limit ? stack->kept : limit;
    while (common < limit && previous[common].pc == unwind_frame_pc(unwind, stack, common))
        common++;
    if (common == depth && common == lane->depth && stack->reusable != depth) return NULL;
    at = encode_uleb128(at, (uint64_t)(lane->depth - common) << TRACE_DELTA_SHIFT | TRACE_DELTA);
    at = encode_uleb128(at, depth - common);
    for (; common < stack->kept; common++)
        at = encode_return(lane, at, previous[common].pc);
    for (uint32_t left = depth - common; left-- > 0;)
        at = encode_return(lane, at, unwind->fresh[left].pc);
    return at;
}

/* The delta between the previous stack, as the reader knows it, and STACK, which becomes the previous one and
 * is remembered on both sides by the next number, unless it is truncated. *FLAGS gains TRACE_STACK unless
 * they are equal. */
static __attribute__((noinline)) uint8_t *encode_delta(struct lane *lane, uint8_t *at,
                                                       const struct unwind_outcome *stack, unsigned *flags)
{
    uint8_t *end = unlikely(stack->truncated || lane->truncated) ? encode_truncated(lane, at, stack)
                                                                 : encode_complete(lane, at, stack);
    uint32_t number = UNWIND_UNNUMBERED;
    if (likely(end != NULL && !stack->truncated)) number = lane->stacks_written++ % UNWIND_STACKS;
    lane->truncated = stack->truncated;
    lane->depth = unwind_depth(stack);
    unwind_keep(&lane->unwind, stack, number);
    if (end == NULL) return at;
    *flags |= TRACE_STACK;
    return end;
}

/* How a record says its stack. */
struct stack_choice {
    enum { STACK_PREVIOUS, STACK_REFERENCE, STACK_DELTA } how;
    uint32_t number;              /* STACK_REFERENCE: of a stack that is remembered on both sides */
    struct unwind_outcome walked; /* STACK_DELTA */
};

static uint8_t *encode_stack(struct lane *lane, uint8_t *at, const struct stack_choice *stack,
                             unsigned *flags)
{
    if (stack->how == STACK_DELTA) return encode_delta(lane, at, &stack->walked, flags);
    unwind_use(&lane->unwind, stack->number);
    lane->depth = unwind_previous(&lane->unwind)->depth;
    lane->truncated = false;
    *flags |= TRACE_STACK;
    *at++ = (uint8_t)(stack->number << 1);
    return at;
}

/* Choose how to say the stack that begins at FROM, and make room for a record with it. False: there is none.
 */
static inline bool choose_stack(struct lane *lane, const struct unwind_registers *from,
                                struct stack_choice *stack)
{
    const struct unwind_frame *next;
    const uint32_t previous = lane->unwind.previous, number = unwind_find(&lane->unwind, from, &next);
    if (likely(number < UNWIND_NOT_FOUND && lane_has_room(lane, RECORD_FIXED_BYTES))) {
        stack->how = number == previous ? STACK_PREVIOUS : STACK_REFERENCE;
        stack->number = number;
        if (likely(stack->how == STACK_REFERENCE || lane->depth != 0)) return true;
    }
    stack->how = STACK_DELTA;
    take_stack(lane, from, next, &stack->walked);
    return record_room(lane, record_bytes(&stack->walked));
}

static inline uint8_t *encode_usable(struct lane *lane, uint8_t *at, size_t size, void *block,
                                     unsigned *flags)
{
    int64_t slack;
    if (!recorder.usable_sizes || !usable_size_is_news(lane, size, block, &slack)) return at;
    *flags |= TRACE_USABLE;
    return encode_uleb128(at, trace_zigzag(slack));
}

void record_allocation(struct lane *lane, uint32_t entry, size_t size, void *block,
                       const struct unwind_registers *from)
{
    uint64_t ticks = 0;
    bool timed = clock_read(lane, &ticks); /* right after the call, before the walk */
    struct stack_choice stack;
    if (unlikely(!choose_stack(lane, from, &stack))) return;

    uint8_t *start = lane->at, *at = start + 1;
    unsigned flags = timed ? TRACE_TIMED : 0;
    if (timed) at = encode_time(lane, at, ticks);
    unsigned operation = likely(block != NULL) ? (uint8_t)entry : TRACE_FAILED;
    if (unlikely(operation == TRACE_ALIGNED || operation == TRACE_FAILED)) {
        *at++ = (uint8_t)(entry >> 8);
        *at++ = (uint8_t)(entry >> 16);
    }
    at = encode_uleb128(at, size);
    if (likely(operation != TRACE_FAILED)) {
        at = encode_block(lane, at, block);
        if (likely(!(operation & TRACE_POOL))) at = encode_usable(lane, at, size, block, &flags);
    }
    if (stack.how != STACK_PREVIOUS) at = encode_stack(lane, at, &stack, &flags);
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
    struct stack_choice stack;
    if (unlikely(!choose_stack(lane, from, &stack))) return;
    uint8_t *start = lane->at, *at = start + 1;
    unsigned flags = timed ? TRACE_TIMED : 0;
    if (timed) at = encode_time(lane, at, ticks);
    *at++ = (uint8_t)outcome;
    at = encode_uleb128(at, size);
    if (stack.how != STACK_PREVIOUS) at = encode_stack(lane, at, &stack, &flags);
    record_commit(lane, start, TRACE_REALLOC_END | flags, at);
}
