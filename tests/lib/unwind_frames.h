/* The recorder's unwinder as one call that fills an array of frames, for tests. Include hot/unwind.h before.
 */
#ifndef TESTS_UNWIND_FRAMES_H
#define TESTS_UNWIND_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

struct unwound {
    uint32_t depth; /* frames stored */
    bool truncated, guessed;
    uint8_t ended; /* enum unwind_end; of a stack that was remembered: UNWIND_OUTERMOST */
};

/* The stack from FROM into FRAMES[0..MAX), innermost first, as the recorder takes it: from what THREAD
 * remembers where that holds, else by a walk that reuses what it can; then it is remembered. REUSE: false, a
 * walk from end to end. THREAD had unwind_remember with MAX or more. */
static inline struct unwound unwind_frames(struct unwind_thread *thread, const struct unwind_registers *from,
                                           uint64_t *frames, uint32_t max, bool reuse)
{
    const struct unwind_frame *next;
    struct unwind_outcome outcome;
    uint32_t number = unwind_find(thread, from, &next);
    if (reuse && number != UNWIND_NOT_FOUND && thread->stacks[number].depth <= max) {
        unwind_use(thread, number);
        const struct remembered_stack *stack = unwind_previous(thread);
        for (uint32_t i = 0; i < stack->depth; i++)
            frames[stack->depth - 1 - i] = stack->frames[i].pc;
        return (struct unwound){.depth = stack->depth, .ended = UNWIND_OUTERMOST};
    }
    unwind_stack(thread, from, reuse ? next : NULL, max, &outcome);
    uint32_t depth = unwind_depth(&outcome);
    for (uint32_t i = 0; i < depth; i++)
        frames[depth - 1 - i] = unwind_frame_pc(thread, &outcome, i);
    number = (uint32_t)(thread->arena_next % UNWIND_STACKS); /* any */
    unwind_keep(thread, &outcome, outcome.truncated ? UNWIND_UNNUMBERED : number);
    return (struct unwound){
        .depth = depth, .truncated = outcome.truncated, .guessed = outcome.guessed, .ended = outcome.ended};
}

#endif
