/* A bump allocator. Blocks double from 4 KiB to 1 MiB, so that a short prompt costs one allocation and a
 * long one a logarithmic number; what does not fit a block gets one of its own. */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK_BYTES = 4096, LARGEST_BLOCK_BYTES = 1 << 20 };

struct arena_block {
    struct arena_block *older;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

static struct arena_block *block_new(struct arena *arena, size_t wanted)
{
    if (arena->next_bytes == 0) arena->next_bytes = FIRST_BLOCK_BYTES;
    size_t size = arena->next_bytes - sizeof(struct arena_block);
    if (wanted > size) {
        size = wanted; /* its own block; the regular size stays, lest one long line inflate all others */
    } else if (arena->next_bytes < LARGEST_BLOCK_BYTES) {
        arena->next_bytes *= 2;
    }
    if (size > SIZE_MAX - sizeof(struct arena_block)) return NULL;
    struct arena_block *block = malloc(sizeof *block + size);
    if (!block) return NULL;
    *block = (struct arena_block){.older = arena->newest, .size = size};
    arena->newest = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t alignment = alignof(max_align_t);
    if (size > SIZE_MAX - alignment) return NULL;
    size = (size + alignment - 1) & ~(alignment - 1);
    struct arena_block *block = arena->newest;
    if (!block || block->size - block->used < size) {
        block = block_new(arena, size);
        if (!block) return NULL;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

char *arena_copy(struct arena *arena, const char *bytes, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (!copy) return NULL;
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

void *arena_extend(struct arena *arena, void *array, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity) return array;
    size_t room = *capacity ? *capacity * 2 : 8;
    if (room > SIZE_MAX / item_size) return NULL;
    void *moved = arena_alloc(arena, room * item_size);
    if (!moved) return NULL;
    if (count) memcpy(moved, array, count * item_size);
    *capacity = room;
    return moved;
}

void arena_release(struct arena *arena)
{
    for (struct arena_block *block = arena->newest, *older; block; block = older) {
        older = block->older;
        free(block);
    }
    *arena = (struct arena){0};
}
