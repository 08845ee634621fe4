#include "replay/live_map.h"

#include <stdlib.h>
#include "replay/hash.h"
#include "util/memory.h"

#define SHARD_BITS     7
#define SHARDS         (1u << SHARD_BITS)
#define SHARD_CAPACITY 16u /* to begin with */

struct shard {
    struct live_block *places;
    uint32_t capacity, used;
};

struct live_map {
    uint64_t key;
    size_t count;
    struct shard shards[SHARDS];
};

struct live_map *live_map_new(void)
{
    struct live_map *map = memory_new(1, sizeof(*map));

    map->key = hash_key();
    return map;
}

void live_map_free(struct live_map *map)
{
    if (!map) return;
    for (size_t i = 0; i < SHARDS; i++)
        free(map->shards[i].places);
    free(map);
}

/* The hash's upper bits choose the shard, the 32 below them the place. A capacity need not be a power of
 * two: the place is a multiplication away. */
static struct shard *shard_of(struct live_map *map, uint64_t hash)
{
    return &map->shards[hash >> (64 - SHARD_BITS)];
}

static uint32_t home_of(const struct shard *shard, uint64_t hash)
{
    uint32_t fraction = (uint32_t)(hash >> (32 - SHARD_BITS));

    return (uint32_t)(((uint64_t)fraction * shard->capacity) >> 32);
}

static uint32_t next_place(const struct shard *shard, uint32_t place)
{
    return place + 1 == shard->capacity ? 0 : place + 1;
}

/* Where ADDRESS is, or the empty place where it would be put. */
static uint32_t place_of(const struct shard *shard, uint64_t address, uint64_t hash)
{
    uint32_t place = home_of(shard, hash);

    while (shard->places[place].site != 0 && shard->places[place].address != address)
        place = next_place(shard, place);
    return place;
}

static void shard_grow(const struct live_map *map, struct shard *shard)
{
    struct shard old = *shard;

    shard->capacity = old.capacity ? old.capacity + old.capacity / 4 : SHARD_CAPACITY;
    shard->places = memory_new(shard->capacity, sizeof(*shard->places));
    for (uint32_t i = 0; i < old.capacity; i++) {
        const struct live_block *block = &old.places[i];
        if (block->site != 0)
            shard->places[place_of(shard, block->address, hash_mix(block->address, map->key))] = *block;
    }
    free(old.places);
}

bool live_map_insert(struct live_map *map, const struct live_block *block, struct live_block *before)
{
    uint64_t hash = hash_mix(block->address, map->key);
    struct shard *shard = shard_of(map, hash);
    struct live_block *place;
    bool replaced;

    /* Four fifths full at most: a search that fails then looks at 13 places on average. */
    if ((uint64_t)shard->used * 5 >= (uint64_t)shard->capacity * 4) shard_grow(map, shard);
    place = &shard->places[place_of(shard, block->address, hash)];
    replaced = place->site != 0;
    if (replaced) *before = *place;
    *place = *block;
    shard->used += !replaced;
    map->count += !replaced;
    return replaced;
}

/* Blocks behind a removed one move up, unless that would bring them before their home: so there are no
 * tombstones, and look-ups stay short however many blocks come and go. */
static void shard_close_gap(const struct live_map *map, struct shard *shard, uint32_t gap)
{
    for (uint32_t place = next_place(shard, gap); shard->places[place].site != 0;
         place = next_place(shard, place)) {
        uint32_t home = home_of(shard, hash_mix(shard->places[place].address, map->key));
        bool stays = gap <= place ? gap < home && home <= place : gap < home || home <= place;
        if (stays) continue;
        shard->places[gap] = shard->places[place];
        gap = place;
    }
    shard->places[gap].site = 0;
}

bool live_map_remove(struct live_map *map, uint64_t address, struct live_block *block)
{
    uint64_t hash = hash_mix(address, map->key);
    struct shard *shard = shard_of(map, hash);
    uint32_t place;

    if (shard->used == 0) return false;
    place = place_of(shard, address, hash);
    if (shard->places[place].site == 0) return false;
    *block = shard->places[place];
    shard_close_gap(map, shard, place);
    shard->used--;
    map->count--;
    return true;
}

size_t live_map_count(const struct live_map *map)
{
    return map->count;
}
