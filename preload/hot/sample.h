/* Which allocations a sampled trace records (MEMTRACE_SAMPLE), and which frees: those of blocks it recorded.
 *
 * Poisson by bytes: the bytes that a thread allocates are counted down from a draw of an exponential
 * distribution whose mean is the sampling rate; the allocation that reaches the end is recorded and a new
 * draw is made. What is left of an exponential draw is distributed as the draw itself was, so an allocation
 * of s bytes is recorded with probability 1 - exp(-s / rate), exactly and whatever came before it. One of 0
 * bytes counts as one of 1: it exists, and a probability of 0 would hide it for good.
 *
 * An unsampled allocation costs a load, a comparison and a subtraction in thread-local storage. A signal
 * handler that allocates between load and store may have its bytes counted for nothing: it was decided upon
 * by the same draw, which makes the two decisions depend on each other, but none more or less probable. */
#ifndef MEMTRACE_HOT_SAMPLE_H
#define MEMTRACE_HOT_SAMPLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "memtrace/trace_format.h"
#include "slow/slow.h"

/* --- Allocations ------------------------------------------------------------------------------------ */

/* Bytes to the end of the calling thread's draw; 0: it has made none yet. */
extern __thread uint64_t sample_countdown __attribute__((tls_model("initial-exec")));

/* The usual case of sample_chosen: true if an allocation of SIZE bytes is counted down and not to be
 * recorded. False: sample_reached says. */
static inline bool sample_passes(size_t size)
{
    uint64_t bytes = size + (size == 0), left = sample_countdown;
    if (__builtin_expect(bytes >= left, 0)) return false;
    sample_countdown = left - bytes;
    return true;
}

static inline bool sample_reached(size_t size)
{
    return slow_sample_chosen(size + (size == 0));
}

/* Whether an allocation of SIZE bytes is to be recorded. Each is asked about once. */
static inline bool sample_chosen(size_t size)
{
    return !sample_passes(size) && sample_reached(size);
}

/* --- Frees: the set of recorded live blocks --------------------------------------------------------- */

/* A set of addresses, exact and lock-free, that an address which is not in it is turned away from by one
 * load. An address belongs to one bucket of 7 places; a bucket's word has, for each place, a byte of tag (7
 * bits of the hash, 0: empty) and in its highest byte how many addresses found the bucket full and went to
 * the next level (255: so many that it is not counted any more). The words of the first level are 4 KiB and
 * stay in the nearest cache; nothing is written for an address that is not in the set.
 *
 * When the last level has no place either, all frees are recorded from then on: readers of a sampled trace
 * ignore those of blocks that they do not know. */
#define SAMPLED_LEVELS     3u
#define SAMPLED_PLACES     7u
#define SAMPLED_FIRST_BITS 9u
struct sampled_level {
    _Atomic uint64_t *words;  /* 1 << bits */
    _Atomic uint64_t *places; /* keys, 8 a bucket of which 7 are used; 0: empty */
    unsigned bits;
};
struct sampled_blocks {
    atomic_bool all_frees; /* the set is not complete: record every free */
    struct sampled_level levels[SAMPLED_LEVELS];
};
extern struct sampled_blocks sampled_blocks;

/* The key of a block in the set. POOL: of a program's own pool, which has addresses of its own. Never 0 or 1
 * for a block that is not NULL (no user address has bit 63, and none is 1: page 0 belongs to nobody). */
static inline uint64_t sampled_key(const void *block, bool pool)
{
    return (uint64_t)block | (uint64_t)pool << 63;
}

static inline uint64_t sampled_hash(uint64_t key)
{
    return key * TRACE_GOLDEN_RATIO;
}

static inline uint64_t sampled_tag(uint64_t hash)
{
    return (hash >> 40 & 0x7f) | 0x80;
}

/* Whether one of WORD's seven tags may be TAG: never no for one that is. Source: Warren, "Hacker's Delight",
 * section 6-1, "Find First 0-Byte". */
static inline bool sampled_word_has(uint64_t word, uint64_t tag)
{
    uint64_t difference = word ^ tag * 0x0001010101010101u;
    return ((difference - 0x0001010101010101u) & ~difference & 0x0080808080808080u) != 0;
}

/* Whether the free of the block KEY is to be recorded; if so, the block is out of the set. */
static inline bool sampled_take(uint64_t key)
{
    uint64_t hash = sampled_hash(key);
    const struct sampled_level *first = &sampled_blocks.levels[0];
    if (__builtin_expect(!atomic_load_explicit(&sampled_blocks.all_frees, memory_order_relaxed), 1)) {
        uint64_t word =
            atomic_load_explicit(&first->words[hash >> (64 - SAMPLED_FIRST_BITS)], memory_order_relaxed);
        if (__builtin_expect(!sampled_word_has(word, sampled_tag(hash)) && word >> 56 == 0, 1)) return false;
    }
    return slow_sampled_take(key);
}

#endif
