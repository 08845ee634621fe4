/* What a record keeps of the thread's previous stack where the depth limit cuts. Specified in
 * docs/trace-format.md, "Stacks". */
#ifndef MEMTRACE_HOT_STACK_DELTA_H
#define MEMTRACE_HOT_STACK_DELTA_H

#include <stdbool.h>
#include <stdint.h>

struct stack_delta {
    uint32_t dropped, added;             /* frames at the inner end */
    uint32_t outer_dropped, outer_added; /* at the outer end; 0 unless a stack is truncated */
};

/* The number of equal frames when PREVIOUS[..previous_end) and CURRENT[..current_end) are laid end to end. */
static inline uint32_t stack_delta_common(const uint64_t *previous, uint32_t previous_end,
                                          const uint64_t *current, uint32_t current_end)
{
    uint32_t limit = previous_end < current_end ? previous_end : current_end;
    uint32_t common = 0;
    while (common < limit && previous[previous_end - 1 - common] == current[current_end - 1 - common])
        common++;
    return common;
}

/* At least one of them is cut by the depth limit, so their outer ends need not correspond: when the recursion
 * goes one deeper, one frame leaves at the outer end. Try small shifts and keep the best. */
static inline struct stack_delta stack_delta_truncated(const uint64_t *previous, uint32_t previous_depth,
                                                       const uint64_t *current, uint32_t current_depth)
{
    enum { FARTHEST_SHIFT = 64 };
    struct stack_delta best = {previous_depth, 0, 0, current_depth};
    uint32_t best_common = 0;
    for (int step = 0; step <= 2 * FARTHEST_SHIFT; step++) {
        int shift = step & 1 ? (step + 1) / 2 : -(step / 2); /* 0, 1, -1, 2, -2, ... inner frames gained */
        int64_t end = (int64_t)current_depth - shift;        /* where the shorter one ends, in previous */
        if (end > previous_depth) end = previous_depth;
        if (end <= 0 || end + shift <= 0) continue;
        uint32_t common = stack_delta_common(previous, (uint32_t)end, current, (uint32_t)(end + shift));
        if (common <= best_common) continue;
        best_common = common;
        best = (struct stack_delta){.dropped = (uint32_t)end - common,
                                    .added = (uint32_t)(end + shift) - common,
                                    .outer_dropped = previous_depth - (uint32_t)end,
                                    .outer_added = current_depth - (uint32_t)(end + shift)};
        if (common + FARTHEST_SHIFT >= end) break; /* good enough: nearly all of it */
    }
    return best;
}

#endif
