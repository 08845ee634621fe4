/* The stacks that a lane remembers. */
#include "hot/remembered.h"

#include "hot/unwind_rule.h"

void unwind_remember(struct unwind_thread *thread, void *memory, uint32_t max)
{
    thread->arena = memory;
    thread->arena_frames = unwind_arena_frames(max);
    thread->fresh = thread->arena + thread->arena_frames;
    thread->unnumbered = thread->fresh + max;
    thread->previous = UNWIND_UNNUMBERED;
}

void unwind_forget(struct unwind_thread *thread)
{
    struct remembered_stack previous = *unwind_previous(thread);
    thread->previous = UNWIND_UNNUMBERED;
    __builtin_memset(thread->stacks, 0, sizeof(thread->stacks));
    thread->stacks[UNWIND_UNNUMBERED] = previous;
}

/* The rules are others now: no stack can be reused. */
static __attribute__((noinline, cold)) void forget_rules(struct unwind_thread *thread, uint64_t generation)
{
    thread->generation = generation;
    for (unsigned i = 0; i <= UNWIND_UNNUMBERED; i++) {
        thread->stacks[i].sp = 0;
        thread->stacks[i].reusable = 0;
    }
}

static inline unsigned bucket_of(uint64_t pc, uint64_t sp)
{
    return (pc + (sp << 9)) * 0x9e3779b97f4a7c15ull >> 58;
}

/* Copy COUNT frames between places of the arena that may overlap. */
static inline void copy_frames(struct unwind_frame *to, const struct unwind_frame *from, uint32_t count)
{
    if (to <= from)
        for (uint32_t i = 0; i < count; i++)
            to[i] = from[i];
    else
        while (count-- > 0)
            to[count] = from[count];
}

/* Behind the KEPT outermost frames at STACK put the walked ones, whose bp_slot holds the frame's rule. */
static void append_walked(const struct unwind_thread *thread, struct unwind_frame *stack, uint32_t kept,
                          const struct unwind_outcome *outcome)
{
    struct unwind_frame *to = stack + kept;
    uint64_t live = kept ? to[-1].bp_slot & UNWIND_BP_LIVE : 0;
    for (uint32_t i = outcome->walked; i-- > 0; to++) {
        *to = thread->fresh[i];
        uint64_t rule = to->bp_slot;
        to->bp_slot = 0;
        if (rule_bp(rule) != RULE_BP_SAME) { /* read from memory: of use only if the outer frame's is */
            if (live) to->bp_slot = to[-1].sp + (uint64_t)rule_slot(rule);
            live = 0;
        }
        if (rule & RULE_CFA_FROM_BP) live = UNWIND_BP_LIVE;
        to->bp_slot |= live;
    }
}

/* Room for DEPTH frames in the arena: where they begin, counted over all. */
static inline uint64_t arena_claim(struct unwind_thread *thread, uint32_t depth)
{
    uint64_t start = thread->arena_next, offset = start % thread->arena_frames;
    if (offset + depth > thread->arena_frames) start += thread->arena_frames - offset;
    thread->arena_next = start + depth;
    return start;
}

void unwind_keep(struct unwind_thread *thread, const struct unwind_outcome *outcome, uint32_t number)
{
    const uint32_t kept = outcome->kept - outcome->cut, depth = unwind_depth(outcome);
    const struct unwind_frame *previous = unwind_previous(thread)->frames;
    const bool whole = outcome->reusable == depth && outcome->generation == thread->generation;
    const bool numbered = number < UNWIND_STACKS && whole && !thread->hopeless;
    struct remembered_stack stack = {
        .frames = thread->unnumbered, .depth = depth, .reusable = outcome->reusable};
    if (numbered) {
        stack.start = arena_claim(thread, depth);
        stack.frames = thread->arena + stack.start % thread->arena_frames;
    }
    if (stack.frames != previous || outcome->cut != 0)
        copy_frames(stack.frames, previous + outcome->cut, kept);
    append_walked(thread, stack.frames, kept, outcome);
    stack.pc = stack.frames[depth - 1].pc;
    stack.sp = whole ? stack.frames[depth - 1].sp : 0;
    if (numbered) {
        unsigned bucket = bucket_of(stack.pc, stack.sp);
        thread->buckets[bucket] = thread->buckets[bucket] << 8 | number;
    } else {
        thread->stacks[number].sp = 0; /* what the reader had by that number is gone */
        number = UNWIND_UNNUMBERED;
    }
    thread->stacks[number] = stack;
    thread->previous = number;
}

/* Whether STACK, of the innermost frame FROM, is all that it was. *CHANGED: its innermost frame that is not;
 * else unchanged. */
static inline bool stack_holds(const struct remembered_stack *stack, const struct unwind_registers *from,
                               const struct unwind_frame **changed)
{
    const struct unwind_frame *innermost = stack->frames + stack->depth - 1;
    if (!frame_equals(innermost, from->pc, from->sp, from->bp)) return false;
    const struct unwind_frame *first = first_changed(stack->frames, innermost);
    if (first == NULL) return true;
    *changed = first;
    return false;
}

/* A bucket that fails so often in a row holds stacks that do not come again. */
#define HOPELESS_FAILURES 32

/* Search BUCKET for the stack from FROM. */
static inline uint32_t bucket_search(struct unwind_thread *thread, unsigned bucket,
                                     const struct unwind_registers *from)
{
    uint32_t numbers = thread->buckets[bucket];
    for (unsigned i = 0; i < 4; i++, numbers >>= 8) {
        const struct remembered_stack *stack = &thread->stacks[numbers & 0xff];
        const struct unwind_frame *unused;
        if (stack->sp == from->sp && stack->pc == from->pc && stack != unwind_previous(thread) &&
            thread->arena_next - stack->start <= thread->arena_frames && stack_holds(stack, from, &unused)) {
            thread->failures[bucket] = 0;
            return numbers & 0xff;
        }
    }
    if (thread->failures[bucket] < HOPELESS_FAILURES) thread->failures[bucket]++;
    return UNWIND_NOT_FOUND;
}

uint32_t unwind_find(struct unwind_thread *thread, const struct unwind_registers *from,
                     const struct unwind_frame **next)
{
    const struct remembered_stack *previous = unwind_previous(thread);
    const struct unwind_frame *changed = NULL;
    *next = NULL;
    if (__builtin_expect(thread->generation != rule_generation_now(), 0))
        forget_rules(thread, rule_generation_now());
    if (previous->sp == from->sp && previous->pc == from->pc && stack_holds(previous, from, &changed))
        return thread->previous;
    unsigned bucket = bucket_of(from->pc, from->sp);
    thread->hopeless = thread->failures[bucket] == HOPELESS_FAILURES && (++thread->skipped & 31) != 0;
    if (__builtin_expect(!thread->hopeless, 1)) {
        uint32_t number = bucket_search(thread, bucket, from);
        if (number != UNWIND_NOT_FOUND) return number;
    }
    if (previous->reusable != 0) *next = previous->frames + previous->reusable - 1;
    if (changed != NULL) *next = changed == previous->frames ? NULL : changed - 1;
    return UNWIND_NOT_FOUND;
}
