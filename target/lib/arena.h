/* Memory of one prompt: many small blocks, released together. */
#ifndef SCANNER_ARENA_H
#define SCANNER_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *newest;
    size_t next_bytes; /* size of the next regular block; 0 before the first */
};

/* SIZE bytes, aligned for any type, uninitialised; valid until arena_release. NULL: out of memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of BYTES[0..LENGTH) with a NUL behind it. NULL: out of memory. */
char *arena_copy(struct arena *arena, const char *bytes, size_t length);

/* Make room for one more item behind the COUNT items of ITEM_SIZE bytes in ARRAY, whose room is *CAPACITY
 * items. Returns ARRAY or its moved copy (the old one stays allocated until release). NULL: out of memory. */
void *arena_extend(struct arena *arena, void *array, size_t count, size_t *capacity, size_t item_size);

/* Release every block; ARENA is empty and usable again. */
void arena_release(struct arena *arena);

#endif
