/* One CFI rule in one word, and the cache of them that every walk looks in.
 *
 * A rule is named by the address that a stack shows: a return address, or an interrupted address plus one. It
 * is what CFI says of that address minus one. Rules never change while their module stays loaded.
 *
 * The cache is an open-addressing hash that all threads read and write without a lock. A slot is two words
 * that are written one after the other; check = key ^ mix(rule) makes a slot that two writers left
 * half-and-half look like a miss. mix() matters: with a plain xor, two rules that differ in a low bit of the
 * offset would turn the key of one address into that of its neighbour. The key carries a generation, so that
 * one addition forgets all. */
#ifndef MEMTRACE_HOT_UNWIND_RULE_H
#define MEMTRACE_HOT_UNWIND_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* Bits 48..50 of a rule: what kind it is. A rule of 0 is no rule. */
enum rule_kind {
    RULE_FRAME = 1, /* an ordinary frame: the fields below hold; return address at CFA - 8 */
    RULE_OUTERMOST, /* there is no caller */
    RULE_SIGNAL,    /* a signal's trampoline: the interrupted registers are in the ucontext at sp + offset */
    RULE_NO_CFI,    /* nothing is known */
    RULE_NOT_EXPRESSIBLE /* CFI exists and says something that does not fit here */
};

/* Bits 53..54: how to get the caller's bp. */
enum rule_bp { RULE_BP_SAME, RULE_BP_AT_CFA /* saved at CFA + slot */, RULE_BP_AT_BP /* at bp + slot */ };

#define RULE_KIND_SHIFT  48
#define RULE_CFA_FROM_BP (1ull << 51) /* CFA = bp + offset; else sp + offset */
#define RULE_CFA_DEREF   (1ull << 52) /* CFA = the word at that address (a realigned stack) */
#define RULE_BP_SHIFT    53
#define RULE_SLOT_SHIFT  32
#define RULE_SIMPLE                                                                                          \
    (1ull << 62) /* RULE_FRAME without DEREF, bp the same or saved at the CFA: the fast step */
#define RULE_DEFINED (1ull << 63) /* set in every rule: mix() of a rule is never 0 */

static inline enum rule_kind rule_kind(uint64_t rule)
{
    return (enum rule_kind)(rule >> RULE_KIND_SHIFT & 7);
}
static inline enum rule_bp rule_bp(uint64_t rule)
{
    return (enum rule_bp)(rule >> RULE_BP_SHIFT & 3);
}
/* Bits 0..31: of the CFA from its base, in bytes. */
static inline int64_t rule_offset(uint64_t rule)
{
    return (int32_t)(uint32_t)rule;
}
/* Bits 32..47: of bp's slot from the CFA or bp, stored in words; returned in bytes. */
static inline int64_t rule_slot(uint64_t rule)
{
    return (int64_t)(int16_t)(uint16_t)(rule >> RULE_SLOT_SHIFT) * 8;
}

struct rule_slot {
    uint64_t check; /* 0: never used */
    uint64_t rule;
};

/* A table of 2^(64 - shift) places, and RULE_WINDOW - 1 more so that a search need not wrap around. */
struct rule_table {
    struct rule_slot *slots;
    uint32_t shift;
};

/* A rule is in one of this many slots from its hash on, or in none. */
#define RULE_WINDOW 8

struct rule_cache {
    const struct rule_table *table; /* replaced by a larger one; the old one stays readable */
    uint64_t generation;            /* in bits 48..63, or-ed into keys: addresses have 47 bits */
};
extern struct rule_cache rule_cache;

static inline uint64_t rule_generation_now(void)
{
    return __atomic_load_n(&rule_cache.generation, __ATOMIC_RELAXED);
}

/* The table to look in: one for a whole walk will do, an outdated one only has fewer rules. */
static inline struct rule_table rule_table_now(void)
{
    return *__atomic_load_n(&rule_cache.table, __ATOMIC_ACQUIRE);
}

static inline uint64_t rule_mix(uint64_t rule)
{
    rule *= 0x9e3779b97f4a7c15ull;
    return rule ^ rule >> 32;
}
static inline uint64_t rule_hash(uint64_t key, uint32_t shift)
{
    return key * 0x9e3779b97f4a7c15ull >> shift;
}

/* The rule of KEY (an address or-ed with a generation) in TABLE, or 0. */
static inline uint64_t rule_find(const struct rule_table *table, uint64_t key)
{
    const struct rule_slot *slot = table->slots + rule_hash(key, table->shift);
    for (unsigned i = 0; i < RULE_WINDOW; i++, slot++) {
        uint64_t check = __atomic_load_n(&slot->check, __ATOMIC_RELAXED);
        uint64_t rule = __atomic_load_n(&slot->rule, __ATOMIC_RELAXED);
        if ((check ^ rule_mix(rule)) == key && check) return rule;
        if (!check) break;
    }
    return 0;
}

/* Slow door: make the rule of ADDRESS and publish it (slow/rule_cache.c). Never 0. */
__attribute__((noinline, cold)) uint64_t rule_make(uint64_t address);

/* Map the tables. False: no memory, a small static table goes on serving. */
bool rule_cache_init(void);
/* Forget every rule. */
void rule_cache_flush(void);

#endif
