/* Allocation that cannot fail: running out of memory ends the command with one line and EXIT_TROUBLE.
 * An analyzer that has half of its heap model cannot print a true figure, so there is nothing to
 * recover to. Blocks are released by free(). */
#ifndef ANALYZER_UTIL_MEMORY_H
#define ANALYZER_UTIL_MEMORY_H

#include <stddef.h>

/* End the command: WHAT ("a JSON text") could not be had. For libraries that return NULL. */
_Noreturn void memory_exhausted(const char *what);
/* COUNT objects of SIZE bytes, zeroed. Never NULL, also for 0 objects. A product that overflows counts
 * as out of memory. */
void *memory_new(size_t count, size_t size);
/* The same objects in a block of COUNT x SIZE bytes; what is beyond the old size is not initialised.
 * BLOCK may be NULL. */
void *memory_resize(void *block, size_t count, size_t size);
/* Make room for one more in an array: *CAPACITY objects of SIZE bytes are there, USED of them filled.
 * Grows by half; returns the block, which may have moved. */
void *memory_grow(void *block, size_t *capacity, size_t used, size_t size);
/* TEXT[0..LENGTH) with a terminating zero. */
char *memory_text(const char *text, size_t length);
/* A formatted text. */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Many small things that are released together. */
struct arena;
struct arena *arena_new(void);
/* BYTES bytes, zeroed, aligned for any object, valid until arena_free. */
void *arena_allocate(struct arena *arena, size_t bytes);
char *arena_text(struct arena *arena, const char *text, size_t length);
/* ARENA may be NULL. */
void arena_free(struct arena *arena);

#endif
