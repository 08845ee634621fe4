/* What a walk reuses of stacks that were walked before: see unwind_find and unwind_stack in hot/unwind.h. */
#ifndef MEMTRACE_HOT_REMEMBERED_H
#define MEMTRACE_HOT_REMEMBERED_H

#include <stddef.h>

#include "hot/unwind.h"

/* A word of a stack that is known to be mapped. */
static inline uint64_t word_at(uint64_t address)
{
    return *(const volatile uint64_t *)address;
}

/* Set in bp_slot when this frame's bp decides where an outer frame is found, before it is read from memory
 * anew. Where it does not, it is a register like any other, and different each time. */
#define UNWIND_BP_LIVE 1

static inline bool frame_equals(const struct unwind_frame *frame, uint64_t pc, uint64_t sp, uint64_t bp)
{
    return frame->sp == sp && frame->pc == pc && (!(frame->bp_slot & UNWIND_BP_LIVE) || frame->bp == bp);
}

/* What of FRAME's caller is not what it was: 0, nothing. */
static inline uint64_t caller_difference(const struct unwind_frame *frame)
{
    const struct unwind_frame *outer = frame - 1;
    uint64_t difference = word_at(outer->sp - 8) ^ outer->pc, bp_slot = frame->bp_slot & ~7ull;
    if (__builtin_expect(bp_slot != 0, 0)) difference |= word_at(bp_slot) ^ outer->bp;
    return difference;
}

/* From FRAME outwards to the outermost one, STACK: the first frame that is not what it was, since a word that
 * it was read from has changed; NULL: all are. All of it lies in the verified range of the thread's own
 * stack, outside of FRAME. Four at once, as long as nothing has changed: the branches cost more than the
 * loads. */
static inline const struct unwind_frame *first_changed(const struct unwind_frame *stack,
                                                       const struct unwind_frame *frame)
{
    for (; frame - stack >= 4; frame -= 4)
        if (caller_difference(frame) | caller_difference(frame - 1) | caller_difference(frame - 2) |
            caller_difference(frame - 3))
            break;
    for (; frame > stack; frame--)
        if (caller_difference(frame) != 0) return frame - 1;
    return NULL;
}

#endif
