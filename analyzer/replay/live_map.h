/* Address -> live block: an open-addressing table for tens of millions of blocks, 24 bytes an entry.
 * It is split into shards that grow one at a time and by a quarter, so that growing needs a hundredth of
 * the table more, never the double, and a shard is always more than half full. */
#ifndef ANALYZER_REPLAY_LIVE_MAP_H
#define ANALYZER_REPLAY_LIVE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct live_block {
    uint64_t address;
    uint64_t size;  /* requested bytes */
    uint32_t site;  /* 1 and up; 0 marks an empty place */
    uint32_t spare; /* the caller's */
};

_Static_assert(sizeof(struct live_block) == 24, "a live block takes 24 bytes");

struct live_map;

struct live_map *live_map_new(void);
void live_map_free(struct live_map *map);

/* Put BLOCK there. If a block of its address is there already, it is replaced, copied to *BEFORE, and the
 * answer is true. */
bool live_map_insert(struct live_map *map, const struct live_block *block, struct live_block *before);
/* Take the block at ADDRESS out into *BLOCK. False: there is none. */
bool live_map_remove(struct live_map *map, uint64_t address, struct live_block *block);

size_t live_map_count(const struct live_map *map);

#endif
