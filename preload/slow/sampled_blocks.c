/* The set of recorded live blocks: what lies behind the one load of hot/sample.h.
 *
 * Calls for one key never overlap in a sound program: a block is put in when it has been allocated, before
 * anybody knows it, and taken out before it is freed. So each call sees what the one before it did, and only
 * calls for different keys must bear each other: a place is claimed by compare-and-swap, and given up in two
 * steps (PLACE_LEAVING, then 0), so that its tag is cleared while nobody else can claim it. */
#include "hot/sample.h"
#include "slow/sampled.h"

#define OVERFLOW_ONE  (1ull << 56)
#define OVERFLOW_MOST 255u
#define PLACE_LEAVING 1u

/* 3,584, 28,672 and 229,376 places in 2.6 MiB, of which only what is used becomes resident. */
static const unsigned level_bits[SAMPLED_LEVELS] = {SAMPLED_FIRST_BITS, 12, 15};

struct sampled_blocks sampled_blocks;

size_t sampled_blocks_bytes(void)
{
    size_t buckets = 0;
    for (unsigned i = 0; i < SAMPLED_LEVELS; i++)
        buckets += (size_t)1 << level_bits[i];
    return buckets * (SAMPLED_PLACES + 2) * sizeof(uint64_t);
}

void sampled_blocks_begin(void *memory)
{
    _Atomic uint64_t *at = memory;
    for (unsigned i = 0; i < SAMPLED_LEVELS && memory != NULL; i++) {
        struct sampled_level *level = &sampled_blocks.levels[i];
        level->bits = level_bits[i];
        level->words = at;
        level->places = at + ((size_t)1 << level->bits);
        at = level->places + ((size_t)(SAMPLED_PLACES + 1) << level->bits);
    }
    atomic_store(&sampled_blocks.all_frees, memory == NULL);
}

/* One more (or one less) of BUCKET's keys is in the next level. A count that has reached its end stays. */
static void overflow_count(_Atomic uint64_t *word, bool more)
{
    uint64_t before = atomic_load(word), after;
    do {
        uint64_t count = before >> 56;
        if (count == OVERFLOW_MOST || (count == 0 && !more)) return;
        after = more ? before + OVERFLOW_ONE : before - OVERFLOW_ONE;
    } while (!atomic_compare_exchange_weak(word, &before, after));
}

void slow_sampled_insert(uint64_t key)
{
    uint64_t hash = sampled_hash(key);
    for (unsigned i = 0; i < SAMPLED_LEVELS; i++) {
        const struct sampled_level *level = &sampled_blocks.levels[i];
        if (level->words == NULL) break;
        uint64_t bucket = hash >> (64 - level->bits);
        _Atomic uint64_t *places = &level->places[bucket * (SAMPLED_PLACES + 1)];
        for (unsigned place = 0; place < SAMPLED_PLACES; place++) {
            uint64_t empty = 0;
            if (!atomic_compare_exchange_strong(&places[place], &empty, key)) continue;
            atomic_fetch_or(&level->words[bucket], sampled_tag(hash) << 8 * place);
            return;
        }
        overflow_count(&level->words[bucket], true);
    }
    atomic_store(&sampled_blocks.all_frees, true);
}

/* Take KEY out of PLACES, of the bucket that WORD is of. */
static bool bucket_take(_Atomic uint64_t *word, _Atomic uint64_t *places, uint64_t key)
{
    for (unsigned place = 0; place < SAMPLED_PLACES; place++) {
        uint64_t expected = key;
        if (atomic_load_explicit(&places[place], memory_order_relaxed) != key) continue;
        if (!atomic_compare_exchange_strong(&places[place], &expected, PLACE_LEAVING)) continue;
        atomic_fetch_and(word, ~(0xffull << 8 * place));
        atomic_store(&places[place], 0);
        return true;
    }
    return false;
}

bool slow_sampled_take(uint64_t key)
{
    uint64_t hash = sampled_hash(key);
    _Atomic uint64_t *overflowed[SAMPLED_LEVELS];
    for (unsigned i = 0; i < SAMPLED_LEVELS; i++) {
        const struct sampled_level *level = &sampled_blocks.levels[i];
        if (level->words == NULL) break;
        uint64_t bucket = hash >> (64 - level->bits);
        overflowed[i] = &level->words[bucket];
        uint64_t word = atomic_load(overflowed[i]);
        if (sampled_word_has(word, sampled_tag(hash)) &&
            bucket_take(overflowed[i], &level->places[bucket * (SAMPLED_PLACES + 1)], key)) {
            while (i-- > 0)
                overflow_count(overflowed[i], false);
            return true;
        }
        if (word >> 56 == 0) break;
    }
    return atomic_load(&sampled_blocks.all_frees);
}
