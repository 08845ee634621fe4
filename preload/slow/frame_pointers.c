/* The stack by its chain of frame records.
 *
 * A record is two words, the caller's frame pointer and the return address, and the frame pointer holds the
 * address of the innermost one. That is so on x86-64 and on aarch64 alike; where else in its frame a record
 * lies differs, and does not matter here. */
#include "slow/frame_pointers.h"

#include "find_object.h"
#include "hot/unwind_rule.h"
#include "machine.h"
#include "slow/module_find.h"
#include "slow/stack_range.h"

#define RECORD_BYTES 16

/* On a stack that is not the thread's own a record further away than this is none: mappings may lie between.
 */
#define FOREIGN_FRAME_LIMIT (1ull << 20)

/* Return addresses that were met, so that their module is recorded and it is known whether a signal's
 * trampoline is there. A word each: the address, above it the generation that a flush adds to, above that
 * whether it is a trampoline. Written whole, without a lock; what one address overwrites of another is learnt
 * again. */
#define KNOWN_BITS       10
#define KNOWN_GENERATION (1ull << 48)
#define KNOWN_SIGNAL     (1ull << 63)
static uint64_t known[1 << KNOWN_BITS];
static uint64_t known_generation; /* in bits 48..62 */

_Static_assert(ARCH_ADDRESS_END <= KNOWN_GENERATION, "an address leaves room for its generation");

void frame_pointers_flush(void)
{
    uint64_t generation = __atomic_load_n(&known_generation, __ATOMIC_RELAXED), next;
    do
        next = (generation + KNOWN_GENERATION) & ~KNOWN_SIGNAL;
    while (!__atomic_compare_exchange_n(&known_generation, &generation, next, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED));
    if (next != 0) return;
    /* After 32,768 flushes generations begin anew; what is left from the first time must not come alive. */
    for (unsigned i = 0; i < 1u << KNOWN_BITS; i++)
        __atomic_store_n(&known[i], 0, __ATOMIC_RELAXED);
}

static uint64_t *known_place(uint64_t address)
{
    return &known[address * 0x9e3779b97f4a7c15ull >> (64 - KNOWN_BITS)];
}

static bool is_trampoline(uint64_t address)
{
    if (!memory_readable(address, sizeof frame_signal_trampoline)) return false;
    const volatile uint8_t *code = (const volatile uint8_t *)address;
    for (unsigned i = 0; i < sizeof frame_signal_trampoline; i++)
        if (code[i] != frame_signal_trampoline[i]) return false;
    return true;
}

/* Not remembered where it is in no module: such code comes and goes without notice. */
static __attribute__((noinline, cold)) bool learn(uint64_t address)
{
    /* Before the module is looked up: what is learnt of one that is unloaded meanwhile is of the past. */
    uint64_t generation = __atomic_load_n(&known_generation, __ATOMIC_ACQUIRE);
    struct dl_find_object found;
    bool signal = is_trampoline(address);
    if (!module_find(address - 1, &found)) return signal;
    slow_module_seen(address, &found);
    __atomic_store_n(known_place(address), address | generation | (signal ? KNOWN_SIGNAL : 0),
                     __ATOMIC_RELEASE);
    return signal;
}

/* Whether a signal's trampoline is at ADDRESS. */
static inline bool leads_to_trampoline(uint64_t address)
{
    uint64_t generation = __atomic_load_n(&known_generation, __ATOMIC_RELAXED);
    uint64_t word = __atomic_load_n(known_place(address), __ATOMIC_ACQUIRE);
    if (__builtin_expect((word & ~KNOWN_SIGNAL) == (address | generation), 1))
        return (word & KNOWN_SIGNAL) != 0;
    return learn(address);
}

/* What a record says of its frame, as a rule of CFI would: the caller's frame begins behind the record, which
 * bp leads to. By it a stack that was walked here is remembered, and found again without a walk
 * (unwind_find). */
#define RECORD_RULE                                                                                          \
    (RULE_DEFINED | (uint64_t)RULE_FRAME << RULE_KIND_SHIFT | RULE_CFA_FROM_BP |                             \
     (uint64_t)RULE_BP_AT_CFA << RULE_BP_SHIFT |                                                             \
     (uint64_t)(uint16_t)(-RECORD_BYTES / 8) << RULE_SLOT_SHIFT | RECORD_BYTES)

/* A walk in progress. */
struct chain {
    struct unwind_thread *thread;
    struct stack_window window;
    uint64_t low;    /* behind the record that led here: the next one lies here or higher */
    uint64_t record; /* where the frame that was reached has its record, if it has one */
    uint64_t inner;  /* the record that led there; 0: none did */
    uint64_t pc;
    bool plain; /* every word so far is of the thread's own stack, and a record's */
};

static bool chain_may_read(struct chain *chain, uint64_t address)
{
    if (address - chain->window.low <= chain->window.span) return true;
    if (chain->window.low == chain->thread->verified_low) return false; /* there is one way out: signals */
    if (address - chain->low > FOREIGN_FRAME_LIMIT) return false;
    return stack_window_move(chain->thread, &chain->window, address);
}

/* Only after chain_may_read. */
static inline uint64_t word_at(uint64_t address)
{
    return *(const volatile uint64_t *)address;
}

static inline bool may_be_code(uint64_t pc)
{
    return pc - 4096 < ARCH_ADDRESS_END - 4096;
}

/* To the caller, whatever it takes. UNWIND_OUTERMOST: done, or there is none (then pc is 0). */
static __attribute__((noinline)) enum unwind_end step_any(struct chain *chain)
{
    uint64_t record = chain->record;
    chain->pc = 0;
    if (record == 0) return UNWIND_OUTERMOST;
    if (record & 7) return UNWIND_NO_CFI;
    if (record < chain->low) return UNWIND_NO_PROGRESS;
    if (!chain_may_read(chain, record) || !chain_may_read(chain, record + 8)) return UNWIND_UNMAPPED;
    uint64_t pc = frame_return_address(word_at(record + 8));
    if (pc == 0) return UNWIND_OUTERMOST;
    if (!may_be_code(pc)) return UNWIND_NO_CFI;
    chain->pc = pc;
    chain->record = word_at(record);
    chain->inner = record;
    chain->low = record + RECORD_BYTES;
    return UNWIND_OUTERMOST;
}

/* The step that nearly all frames take. False: nothing was done, step_any knows. */
static inline __attribute__((always_inline)) bool step_fast(struct chain *chain)
{
    uint64_t record = chain->record, window_low = chain->window.low;
    if (__builtin_expect(record < chain->low || record - window_low > chain->window.span - 8 || record & 7,
                         0))
        return false;
    uint64_t pc = frame_return_address(word_at(record + 8));
    if (__builtin_expect(!may_be_code(pc), 0)) return false;
    chain->pc = pc;
    chain->record = word_at(record);
    chain->inner = record;
    chain->low = record + RECORD_BYTES;
    return true;
}

/* From a signal's trampoline to what was interrupted, on whatever stack that was. False: the interrupted
 * registers are not where they should be; the chain goes on without them, and a frame is missing. */
static __attribute__((noinline)) bool chain_interrupted(struct chain *chain)
{
    uint64_t inner = chain->inner, context = frame_signal_context(inner, chain->record);
    chain->plain = false;
    if (inner == 0 || context & 7) return false;
    uint64_t bp_address = frame_signal_bp(inner, chain->record);
    if (bp_address & 7 || !chain_may_read(chain, bp_address)) return false;
    uint64_t bp = word_at(bp_address);
    if (!chain_may_read(chain, context + FRAME_SIGNAL_BP) || word_at(context + FRAME_SIGNAL_BP) != bp)
        return false;
    if (!chain_may_read(chain, context + FRAME_SIGNAL_SP)) return false;
    uint64_t sp = word_at(context + FRAME_SIGNAL_SP);
    if (!chain_may_read(chain, context + FRAME_SIGNAL_PC)) return false;
    uint64_t pc = word_at(context + FRAME_SIGNAL_PC);
    if (!may_be_code(pc)) return false;
    /* Asked about anew where it is another stack than this walk's: the handler may have unmapped it. */
    bool here = sp - chain->window.low <= chain->window.span;
    if (!here && !stack_window_move(chain->thread, &chain->window, sp)) return false;
    chain->pc = pc + 1; /* no call behind it: make "minus 1" lead to it */
    chain->record = bp;
    chain->inner = 0;
    chain->low = sp;
    return true;
}

/* Walk CHAIN into thread->fresh[0..MAX). Their number; *END: how it ended. */
static uint32_t chain_walk(struct chain *chain, uint32_t max, enum unwind_end *end)
{
    struct unwind_frame *fresh = chain->thread->fresh;
    uint32_t depth = 0;
    for (;;) {
        fresh[depth++] = (struct unwind_frame){
            .pc = chain->pc, .sp = chain->low, .bp = chain->record, .bp_slot = RECORD_RULE};
        bool trampoline = leads_to_trampoline(chain->pc);
        if (__builtin_expect(!(trampoline && chain_interrupted(chain)), 1) && !step_fast(chain)) {
            *end = step_any(chain);
            if (*end != UNWIND_OUTERMOST || chain->pc == 0) return depth;
        }
        if (__builtin_expect(depth == max, 0)) {
            *end = UNWIND_DEPTH_LIMIT;
            return depth;
        }
    }
}

void frame_pointers_stack(struct unwind_thread *thread, const struct unwind_registers *from, uint32_t max,
                          struct unwind_outcome *outcome)
{
    struct chain chain = {.thread = thread, .low = from->sp, .record = from->bp, .pc = from->pc};
    enum unwind_end end = UNWIND_OUTERMOST;
    uint64_t generation = __atomic_load_n(&rule_cache.generation, __ATOMIC_RELAXED);
    stack_window_open(thread, &chain.window, from->sp);
    chain.plain = chain.window.low == thread->verified_low;
    uint32_t depth = chain_walk(&chain, max, &end);
    bool whole = chain.plain && end == UNWIND_OUTERMOST && chain.record == 0;
    *outcome = (struct unwind_outcome){.walked = depth,
                                       .reusable = whole ? depth : 0,
                                       .generation = generation,
                                       .truncated = end == UNWIND_DEPTH_LIMIT,
                                       .ended = (uint8_t)end};
    if (end != UNWIND_OUTERMOST) recorder_count(end);
}
