/* Walk by cached CFI rules. */
#include "hot/unwind.h"

#include <stddef.h>

#include "hot/remembered.h"
#include "hot/unwind_rule.h"
#include "slow/module_find.h"
#include "slow/stack_range.h"

/* A walk in progress: the registers of the frame it has reached, and what it may read. */
struct walk {
    struct unwind_thread *thread;
    struct stack_window window;
    uint64_t pc; /* as stored: a return address, or an interrupted address plus one */
    uint64_t sp, bp;
    unsigned switches; /* frames so far whose caller lay below them */
    bool guessed;
};

/* A function that runs its callee on another stack may come back to a lower address; CFI that is wrong may do
 * so for ever. More than a few of these in one walk are not believed. */
#define SWITCHES_LIMIT 8

/* Frame pointers are guesses: a caller further away than this is none. */
#define GUESSED_FRAME_LIMIT (1ull << 20)

static bool walk_may_read(struct walk *walk, uint64_t address)
{
    if (address - walk->window.low <= walk->window.span) return true;
    return stack_window_move(walk->thread, &walk->window, address);
}

/* Go to the caller of an ordinary frame, whatever it takes. UNWIND_OUTERMOST here means: done, no failure. */
static enum unwind_end step_frame(struct walk *walk, uint64_t rule)
{
    uint64_t cfa = (rule & RULE_CFA_FROM_BP ? walk->bp : walk->sp) + (uint64_t)rule_offset(rule);
    if (rule & RULE_CFA_DEREF) {
        if (cfa & 7 || !walk_may_read(walk, cfa)) return UNWIND_UNMAPPED;
        cfa = word_at(cfa);
    }
    if (cfa & 7) return UNWIND_UNMAPPED;
    if (cfa <= walk->sp && ++walk->switches > SWITCHES_LIMIT) return UNWIND_NO_PROGRESS;
    uint64_t bp = walk->bp;
    enum rule_bp bp_rule = rule_bp(rule);
    if (bp_rule != RULE_BP_SAME) {
        uint64_t slot = (bp_rule == RULE_BP_AT_CFA ? cfa : bp) + (uint64_t)rule_slot(rule);
        if (!walk_may_read(walk, slot)) return UNWIND_UNMAPPED;
        bp = word_at(slot);
    }
    if (!walk_may_read(walk, cfa - 8)) return UNWIND_UNMAPPED;
    walk->pc = word_at(cfa - 8);
    walk->sp = cfa;
    walk->bp = bp;
    return UNWIND_OUTERMOST;
}

/* Go from a signal's trampoline to what the signal interrupted, on whatever stack that was. */
static enum unwind_end step_signal(struct walk *walk, uint64_t rule)
{
    uint64_t context = walk->sp + (uint64_t)rule_offset(rule);
    if (context & 7) return UNWIND_UNMAPPED;
    if (!walk_may_read(walk, context + FRAME_SIGNAL_BP)) return UNWIND_UNMAPPED;
    uint64_t bp = word_at(context + FRAME_SIGNAL_BP);
    if (!walk_may_read(walk, context + FRAME_SIGNAL_SP)) return UNWIND_UNMAPPED;
    uint64_t sp = word_at(context + FRAME_SIGNAL_SP);
    if (!walk_may_read(walk, context + FRAME_SIGNAL_PC)) return UNWIND_UNMAPPED;
    walk->pc = word_at(context + FRAME_SIGNAL_PC) + 1; /* no call behind it: make "minus 1" lead to it */
    walk->sp = sp;
    walk->bp = bp;
    return UNWIND_OUTERMOST;
}

/* Code without CFI: if it keeps frame pointers, bp leads on. */
static enum unwind_end step_guess(struct walk *walk, bool *last)
{
    uint64_t frame = walk->bp;
    if (frame == 0) { /* how the psABI marks the outermost frame; the loader's entry code has no other mark */
        *last = true;
        return UNWIND_OUTERMOST;
    }
    if (frame & 7 || frame < walk->sp || frame - walk->sp > GUESSED_FRAME_LIMIT) return UNWIND_NO_CFI;
    if (!walk_may_read(walk, frame)) return UNWIND_NO_CFI;
    uint64_t bp = word_at(frame);
    if (!walk_may_read(walk, frame + 8)) return UNWIND_NO_CFI;
    uint64_t pc = word_at(frame + 8);
    if (pc < 4096 || pc >> 47) return UNWIND_NO_CFI;
    walk->pc = pc;
    walk->sp = frame + 16;
    walk->bp = bp;
    walk->guessed = true;
    return UNWIND_OUTERMOST;
}

/* Any step, without haste. *LAST: there is no caller. */
static __attribute__((noinline)) enum unwind_end step_any(struct walk *walk, uint64_t rule, bool *last)
{
    switch (rule_kind(rule)) {
    case RULE_FRAME:
        return step_frame(walk, rule);
    case RULE_OUTERMOST:
        *last = true;
        return UNWIND_OUTERMOST;
    case RULE_SIGNAL:
        return step_signal(walk, rule);
    case RULE_NO_CFI:
        return step_guess(walk, last);
    default:
        return UNWIND_NOT_EXPRESSIBLE;
    }
}

/* The step that nearly all frames take: a simple rule, and a caller's frame further up in what may be read.
 * With everything in registers; the caller of this keeps it so. False: nothing was done, step_any knows. */
static inline __attribute__((always_inline)) bool step_fast(uint64_t rule, uint64_t low, uint64_t span,
                                                            uint64_t *pc, uint64_t *sp, uint64_t *bp)
{
    if (__builtin_expect(!(rule & RULE_SIMPLE), 0)) return false;
    uint64_t cfa = (rule & RULE_CFA_FROM_BP ? *bp : *sp) + (uint64_t)rule_offset(rule);
    uint64_t slot = cfa - 8;
    if (__builtin_expect(slot - low > span || slot < *sp || slot & 7, 0)) return false;
    if (rule_bp(rule) != RULE_BP_SAME) {
        uint64_t bp_slot = cfa + (uint64_t)rule_slot(rule);
        if (__builtin_expect(bp_slot - low > span, 0)) return false;
        *bp = word_at(bp_slot);
    }
    *pc = word_at(slot);
    *sp = cfa;
    return true;
}

/* The innermost frame of the previous stack, from NEXT outwards, that is outside of SP and from which on
 * everything holds; NULL: none. Sought from the outermost one inwards, once a walk: asked at each frame that
 * is met again, the answer would be mispredicted where stacks differ here and there. */
static __attribute__((noinline)) const struct unwind_frame *
innermost_that_holds(const struct unwind_thread *thread, const struct unwind_frame *next, uint64_t sp)
{
    const struct unwind_frame *frame = unwind_previous(thread)->frames;
    while (next >= frame && next->sp < sp)
        next--;
    if (next < frame) return NULL;
    for (; next - frame >= 4; frame += 4)
        if (caller_difference(frame + 1) | caller_difference(frame + 2) | caller_difference(frame + 3) |
            caller_difference(frame + 4))
            break;
    while (frame < next && caller_difference(frame + 1) == 0)
        frame++;
    return frame;
}

/* Where a walk of THREAD from SP may read without asking. *OWN: it is on the thread's own stack. */
static inline struct stack_window window_open(struct unwind_thread *thread, uint64_t sp, bool *own)
{
    struct stack_window window = {.low = thread->verified_low};
    window.span = thread->stack_high - window.low - 8;
    if (__builtin_expect(sp - window.low >= thread->stack_high - window.low, 0)) {
        stack_window_open(thread, &window, sp);
        *own = window.low == thread->verified_low;
    }
    return window;
}

void unwind_stack(struct unwind_thread *thread, const struct unwind_registers *from,
                  const struct unwind_frame *next, uint32_t max, struct unwind_outcome *outcome)
{
    struct walk walk = {.thread = thread};
    enum unwind_end end = UNWIND_OUTERMOST;
    const struct rule_table table = rule_table_now();
    const uint64_t generation = rule_generation_now();
    uint64_t pc = from->pc, sp = from->sp, bp = from->bp;
    struct unwind_frame *const fresh = thread->fresh;
    const struct unwind_frame *const stack = unwind_previous(thread)->frames, *same = NULL;
    uint32_t depth = 0, first_plain = 0;
    bool last = false, own = true;
    walk.window = window_open(thread, sp, &own);
    uint64_t low = walk.window.low, span = walk.window.span;

    if (!own || generation != thread->generation) next = NULL;
    if (next) next = innermost_that_holds(thread, next, sp);
    for (;;) {
        /* gcc would keep pairs of these in vector registers, for the sake of the slow path's stores: 1 ns a
         * frame. */
        __asm__("" : "+r"(pc), "+r"(sp), "+r"(low), "+r"(span));
        if (__builtin_expect(depth == max, 0)) {
            end = UNWIND_DEPTH_LIMIT;
            break;
        }
        /* Is this a frame of the previous stack? What lies inside of SP does not come any more. */
        while (next && next->sp < sp)
            next = next == stack ? NULL : next - 1;
        if (next && frame_equals(next, pc, sp, bp)) {
            same = next;
            break;
        }
        uint64_t rule = rule_find(&table, pc | generation);
        if (__builtin_expect(!rule, 0)) rule = rule_make(pc);
        fresh[depth++] = (struct unwind_frame){.pc = pc, .sp = sp, .bp = bp, .bp_slot = rule};
        if (__builtin_expect(!step_fast(rule, low, span, &pc, &sp, &bp), 0)) {
            walk.window = (struct stack_window){.low = low, .span = span};
            walk.pc = pc;
            walk.sp = sp;
            walk.bp = bp;
            end = step_any(&walk, rule, &last);
            if (end != UNWIND_OUTERMOST || last) break;
            low = walk.window.low;
            span = walk.window.span;
            pc = walk.pc;
            sp = walk.sp;
            bp = walk.bp;
            first_plain = depth;
            own = own && low == thread->verified_low && sp - low <= span;
            if (!own) next = NULL; /* on a foreign stack now */
        }
        if (__builtin_expect(pc == 0, 0)) break;
    }
    *outcome = (struct unwind_outcome){.generation = generation};
    bool whole = last && own && rule_kind(fresh[depth - 1].bp_slot) == RULE_OUTERMOST;
    outcome->walked = depth;
    outcome->kept = same ? (uint32_t)(same - stack) + 1 : 0;
    if (__builtin_expect(outcome->kept + depth > max, 0)) {
        outcome->cut = outcome->kept + depth - max;
        end = UNWIND_DEPTH_LIMIT;
    } else if (same || whole) {
        outcome->reusable = outcome->kept + depth - first_plain;
    }
    outcome->truncated = end == UNWIND_DEPTH_LIMIT;
    outcome->guessed = walk.guessed;
    outcome->ended = (uint8_t)end;
    if (__builtin_expect(end != UNWIND_OUTERMOST, 0)) recorder_count(end);
}

bool unwind_init(void)
{
    stack_range_init();
    module_find_init();
    return rule_cache_init();
}

void unwind_flush(void)
{
    rule_cache_flush();
}

void unwind_modules_changed(void)
{
    module_find_changed();
}
