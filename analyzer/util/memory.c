#include "util/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "util/report_error.h"

#define ARENA_PIECE_BYTES 65536
#define ARENA_ALIGNMENT   _Alignof(max_align_t)

struct arena_piece {
    struct arena_piece *next;
    size_t used, capacity; /* bytes */
    _Alignas(max_align_t) char bytes[];
};

struct arena {
    struct arena_piece *pieces; /* the one that is filled now is first */
};

void memory_exhausted(const char *what)
{
    report_error("out of memory for %s", what);
    exit(EXIT_TROUBLE);
}

static void *memory_checked(void *block, size_t count, size_t size)
{
    if (block == NULL) {
        report_error("out of memory: %zu x %zu bytes more were needed", count, size);
        exit(EXIT_TROUBLE);
    }
    return block;
}

void *memory_new(size_t count, size_t size)
{
    if (count == 0 || size == 0) count = size = 1;
    return memory_checked(calloc(count, size), count, size);
}

void *memory_resize(void *block, size_t count, size_t size)
{
    if (count == 0 || size == 0) count = size = 1;
    return memory_checked(reallocarray(block, count, size), count, size);
}

void *memory_grow(void *block, size_t *capacity, size_t used, size_t size)
{
    if (used < *capacity) return block;
    *capacity = used < 16 ? 16 : used + used / 2;
    return memory_resize(block, *capacity, size);
}

char *memory_text(const char *text, size_t length)
{
    char *copy = memory_new(length + 1, 1);
    memcpy(copy, text, length);
    return copy;
}

char *memory_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return memory_checked(length < 0 ? NULL : text, strlen(format), 1);
}

struct arena *arena_new(void)
{
    return memory_new(1, sizeof(struct arena));
}

void *arena_allocate(struct arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - ARENA_ALIGNMENT - sizeof(struct arena_piece)) memory_checked(NULL, 1, bytes);
    bytes = (bytes + ARENA_ALIGNMENT - 1) & ~(ARENA_ALIGNMENT - 1);
    struct arena_piece *piece = arena->pieces;
    if (piece == NULL || piece->capacity - piece->used < bytes) {
        size_t capacity = bytes > ARENA_PIECE_BYTES ? bytes : ARENA_PIECE_BYTES;
        struct arena_piece *fresh = memory_new(1, sizeof *fresh + capacity);
        fresh->capacity = capacity;
        if (piece != NULL && bytes > ARENA_PIECE_BYTES / 4) { /* keep filling the piece that has room */
            fresh->next = piece->next;
            piece->next = fresh;
        } else {
            fresh->next = piece;
            arena->pieces = fresh;
        }
        piece = fresh;
    }
    void *block = piece->bytes + piece->used;
    piece->used += bytes;
    return block;
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_allocate(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL) return;
    for (struct arena_piece *piece = arena->pieces, *next; piece != NULL; piece = next) {
        next = piece->next;
        free(piece);
    }
    free(arena);
}
