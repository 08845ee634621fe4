/* Walk by cached CFI rules. */
#include "hot/unwind.h"

#include <stddef.h>

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

/* Only after walk_may_read. */
static inline uint64_t word_at(uint64_t address)
{
    return *(const volatile uint64_t *)address;
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

/* --- reuse of the previous stack --- */

/* Set in bp_slot when this frame's bp decides where an outer frame is found, before it is read from memory
 * anew. Where it does not, it is a register like any other, and different each time. */
#define UNWIND_BP_LIVE 1

/* The remembered frame that is the frame (PC, SP, BP) for all that follows from it, or NULL. *NEXT: the
 * innermost remembered frame that may still come, moved outwards past SP. */
static inline const struct unwind_frame *remembered_find(const struct unwind_thread *thread,
                                                         const struct unwind_frame **next, uint64_t pc,
                                                         uint64_t sp, uint64_t bp)
{
    const struct unwind_frame *frame = *next;
    while (frame->sp < sp) {
        if (frame == thread->remembered) return *next = NULL;
        frame--;
    }
    *next = frame;
    if (frame->sp != sp || frame->pc != pc || (frame->bp_slot & UNWIND_BP_LIVE && frame->bp != bp))
        return NULL;
    return frame;
}

/* Whether every word that the frames outside of FRAME were read from holds what it held, from there outwards.
 * So nothing is read that a walk would not read. All of it lies in the verified range of the thread's own
 * stack. */
static inline bool remembered_holds(const struct unwind_thread *thread, const struct unwind_frame *frame)
{
    for (; frame > thread->remembered; frame--) {
        const struct unwind_frame *outer = frame - 1;
        uint64_t bp_slot = frame->bp_slot & ~7ull;
        if (word_at(outer->sp - 8) != outer->pc) return false;
        if (bp_slot && word_at(bp_slot) != outer->bp) return false;
    }
    return true;
}

/* Remember KEPT frames of the previous stack (the outermost) and inside of them thread->fresh[FIRST..COUNT),
 * whose bp_slot holds the frame's rule. */
static void remember(struct unwind_thread *thread, uint32_t kept, uint32_t first, uint32_t count,
                     uint64_t generation)
{
    struct unwind_frame *const remembered = thread->remembered;
    if (!remembered) return; /* never: it is lent together with fresh */
    thread->remembered_count = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    for (uint32_t i = count; i-- > first; kept++) {
        struct unwind_frame frame = thread->fresh[i];
        const struct unwind_frame *outer = kept ? &remembered[kept - 1] : NULL;
        uint64_t rule = frame.bp_slot, live = outer ? outer->bp_slot & UNWIND_BP_LIVE : 0;
        frame.bp_slot = 0;
        if (rule_bp(rule) != RULE_BP_SAME) { /* read from memory: of use only if the outer frame's is */
            if (live) frame.bp_slot = outer->sp + (uint64_t)rule_slot(rule);
            live = 0;
        }
        if (rule & RULE_CFA_FROM_BP) live = UNWIND_BP_LIVE;
        frame.bp_slot |= live;
        remembered[kept] = frame;
    }
    thread->remembered_generation = generation;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->remembered_count = kept;
}

void unwind_remember(struct unwind_thread *thread, void *memory, uint32_t max)
{
    thread->remembered_count = 0;
    thread->remembered = memory;
    thread->fresh = thread->remembered + max;
    thread->remembered_max = max;
}

/* Behind FRAMES[0..*DEPTH), put the KEPT outermost remembered ones, as many as MAX has room for. Were that
 * all? */
static inline bool take_remembered(const struct unwind_thread *thread, uint32_t kept, uint64_t *frames,
                                   uint32_t *depth, uint32_t max)
{
    while (kept && *depth < max)
        frames[(*depth)++] = thread->remembered[--kept].pc;
    return kept == 0;
}

void unwind_stack(struct unwind_thread *thread, const struct unwind_registers *from, uint64_t *frames,
                  uint32_t max, struct unwind_outcome *outcome)
{
    struct walk walk = {.thread = thread};
    enum unwind_end end = UNWIND_OUTERMOST;
    const struct rule_table table = rule_table_now();
    uint64_t generation = __atomic_load_n(&rule_cache.generation, __ATOMIC_RELAXED);
    uint64_t pc = from->pc, sp = from->sp, bp = from->bp;
    uint64_t low = thread->verified_low, span = thread->stack_high - low - 8;
    struct unwind_frame *fresh = max <= thread->remembered_max ? thread->fresh : NULL;
    const struct unwind_frame *next = NULL, *same = NULL;
    uint32_t depth = 0, first_plain = 0;
    bool last = false;

    if (__builtin_expect(sp - low >= thread->stack_high - low, 0)) {
        stack_window_open(thread, &walk.window, sp);
        low = walk.window.low;
        span = walk.window.span;
        if (low != thread->verified_low) fresh = NULL; /* a foreign stack */
    }
    if (fresh && thread->remembered_count && thread->remembered_generation == generation)
        next = &thread->remembered[thread->remembered_count - 1];
    for (;;) {
        /* gcc would keep pairs of these in vector registers, for the sake of the slow path's stores: 1 ns a
         * frame. */
        __asm__("" : "+r"(pc), "+r"(sp), "+r"(low), "+r"(span));
        if (__builtin_expect(depth == max, 0)) {
            end = UNWIND_DEPTH_LIMIT;
            break;
        }
        if (next && (same = remembered_find(thread, &next, pc, sp, bp))) {
            if (remembered_holds(thread, same)) break;
            next = same = NULL;
        }
        uint64_t rule = rule_find(&table, pc | generation);
        if (__builtin_expect(!rule, 0)) rule = rule_make(pc);
        if (fresh) fresh[depth] = (struct unwind_frame){.pc = pc, .sp = sp, .bp = bp, .bp_slot = rule};
        frames[depth++] = pc;
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
            if (low != thread->verified_low || sp - low > span)
                next = fresh = NULL; /* on a foreign stack now */
        }
        if (__builtin_expect(pc == 0, 0)) break;
    }
    if (same) {
        uint32_t walked = depth, kept = (uint32_t)(same - thread->remembered) + 1;
        if (!take_remembered(thread, kept, frames, &depth, max))
            end = UNWIND_DEPTH_LIMIT;
        else if (walked > first_plain) /* else what is remembered inside of SAME may come again */
            remember(thread, kept, first_plain, walked, generation);
    } else if (fresh && last && rule_kind(fresh[depth - 1].bp_slot) == RULE_OUTERMOST) {
        remember(thread, 0, first_plain, depth, generation);
    }
    outcome->depth = depth;
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
