/* Traces made by hand, for tests of the reader and of what stands on it. The encoder is the plainest that
 * the format allows: every address is an escape, every stack a whole new one, every record timed. (Codes from
 * the caches are tested with tests/oracle/make_trace.py.) */
#ifndef TESTS_ANALYZER_TRACE_BUILDER_H
#define TESTS_ANALYZER_TRACE_BUILDER_H

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "memtrace/trace_format.h"

#define BUILDER_CHUNKS 16

/* Up to so many chunks of 64 KiB, each a stream's; records are appended to any of them. */
struct builder {
    uint8_t *bytes;
    size_t size;
    struct builder_chunk {
        uint64_t offset, at; /* of the chunk in the file; of the next record in it */
        uint64_t ticks;
        size_t depth; /* of the previous stack */
    } chunks[BUILDER_CHUNKS];
    size_t count;
};

static inline struct trace_header *builder_header(struct builder *b)
{
    return (struct trace_header *)(void *)b->bytes;
}

static inline struct builder builder_new(void)
{
    struct builder b = {.size = TRACE_HEADER_BYTES};
    struct trace_header *h;

    b.bytes = calloc(BUILDER_CHUNKS + 1, TRACE_CHUNK_ALIGNMENT);
    h = builder_header(&b);
    memcpy(h->magic, TRACE_MAGIC, sizeof(h->magic));
    h->byte_order = TRACE_BYTE_ORDER;
    h->version = TRACE_VERSION;
    h->header_bytes = TRACE_HEADER_BYTES;
    h->info_offset = TRACE_INFO_OFFSET;
    h->clock_kind = TRACE_CLOCK_MONOTONIC;
    h->pid = 0x7fffffff; /* nobody's */
    h->next = h->limit = b.size;
    return b;
}

static inline void builder_free(struct builder *b)
{
    free(b->bytes);
}

/* A new chunk that follows chunk number PREVIOUS (-1: none); its number. */
static inline int builder_chunk(struct builder *b, unsigned kind, unsigned lane, uint32_t thread,
                                int previous, uint64_t ticks)
{
    struct builder_chunk *c = &b->chunks[b->count];
    struct trace_chunk *header = (struct trace_chunk *)(void *)(b->bytes + b->size);

    assert(b->count < BUILDER_CHUNKS);
    *c = (struct builder_chunk){.offset = b->size, .at = TRACE_CHUNK_HEADER_BYTES, .ticks = ticks};
    *header = (struct trace_chunk){
        .magic = TRACE_CHUNK_MAGIC,
        .kind = (uint16_t)kind,
        .lane = (uint16_t)lane,
        .offset = c->offset,
        .bytes = TRACE_CHUNK_ALIGNMENT,
        .thread = thread,
        .tid = thread,
        .previous = previous < 0 ? 0 : b->chunks[previous].offset,
        .ticks = ticks,
        .monotonic_ns = ticks,
    };
    b->size += TRACE_CHUNK_ALIGNMENT;
    builder_header(b)->next = builder_header(b)->limit = b->size;
    return (int)b->count++;
}

/* A first lane of its own, the usual place for records. */
static inline int builder_lane(struct builder *b, uint32_t thread)
{
    return builder_chunk(b, TRACE_CHUNK_LANE, 0, thread, -1, 0);
}

/* --- bytes ------------------------------------------------------------------------------------------ */

static inline void builder_u8(struct builder *b, int chunk, uint8_t byte)
{
    struct builder_chunk *c = &b->chunks[chunk];

    assert(c->at < TRACE_CHUNK_ALIGNMENT);
    b->bytes[c->offset + c->at++] = byte;
}

static inline void builder_leb(struct builder *b, int chunk, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        builder_u8(b, chunk, (uint8_t)(value | 0x80));
    builder_u8(b, chunk, (uint8_t)value);
}

static inline void builder_escape(struct builder *b, int chunk, uint64_t slots, uint64_t address)
{
    builder_leb(b, chunk, slots);
    for (int i = 0; i < 8; i++)
        builder_u8(b, chunk, (uint8_t)(address >> 8 * i));
}

/* Operation, flags and the time: TICKS is absolute, and not before the last record's. */
static inline void builder_begin(struct builder *b, int chunk, unsigned operation, uint64_t ticks)
{
    builder_u8(b, chunk, (uint8_t)(operation | TRACE_TIMED));
    builder_leb(b, chunk, ticks - b->chunks[chunk].ticks);
    b->chunks[chunk].ticks = ticks;
}

/* A whole new stack, FRAMES innermost first. */
static inline void builder_stack(struct builder *b, int chunk, const uint64_t *frames, size_t depth)
{
    builder_leb(b, chunk, b->chunks[chunk].depth << TRACE_DELTA_SHIFT | TRACE_DELTA);
    builder_leb(b, chunk, depth);
    for (size_t i = depth; i-- > 0;)
        builder_escape(b, chunk, 1 << TRACE_FRAME_CACHE_BITS, frames[i]);
    b->chunks[chunk].depth = depth;
}

/* --- records ---------------------------------------------------------------------------------------- */

/* An allocation by OPERATION (malloc, calloc, realloc..., POOL allowed) with a stack of one frame. */
static inline void builder_allocate(struct builder *b, int chunk, unsigned operation, uint64_t ticks,
                                    uint64_t address, uint64_t size, uint64_t frame)
{
    builder_begin(b, chunk, operation | TRACE_STACK, ticks);
    builder_leb(b, chunk, size);
    builder_escape(b, chunk, 1 << TRACE_BLOCK_CACHE_BITS, address);
    builder_stack(b, chunk, &frame, 1);
}

static inline void builder_malloc(struct builder *b, int chunk, uint64_t ticks, uint64_t address,
                                  uint64_t size, uint64_t frame)
{
    builder_allocate(b, chunk, TRACE_MALLOC, ticks, address, size, frame);
}

/* OPERATION: free (POOL allowed) or realloc_begin. */
static inline void builder_release(struct builder *b, int chunk, unsigned operation, uint64_t ticks,
                                   uint64_t address)
{
    builder_begin(b, chunk, operation, ticks);
    builder_escape(b, chunk, 1 << TRACE_BLOCK_CACHE_BITS, address);
}

static inline void builder_free_block(struct builder *b, int chunk, uint64_t ticks, uint64_t address)
{
    builder_release(b, chunk, TRACE_FREE, ticks, address);
}

static inline void builder_realloc_end(struct builder *b, int chunk, uint64_t ticks, unsigned outcome,
                                       uint64_t size, uint64_t frame)
{
    builder_begin(b, chunk, TRACE_REALLOC_END | TRACE_STACK, ticks);
    builder_u8(b, chunk, (uint8_t)outcome);
    builder_leb(b, chunk, size);
    builder_stack(b, chunk, &frame, 1);
}

/* An extension whose payload is COUNT LEBs and then TEXT (NULL: none). The LEBs are uint64_t. */
static inline void builder_extension(struct builder *b, int chunk, unsigned type, const char *text, int count,
                                     ...)
{
    struct builder_chunk *c = &b->chunks[chunk];
    uint64_t length_at;
    va_list values;

    builder_u8(b, chunk, TRACE_EXTENSION);
    builder_leb(b, chunk, type);
    length_at = c->at;
    builder_u8(b, chunk, 0);
    va_start(values, count);
    while (count-- > 0)
        builder_leb(b, chunk, va_arg(values, uint64_t));
    va_end(values);
    for (; text && *text; text++)
        builder_u8(b, chunk, (uint8_t)*text);
    assert(c->at - length_at - 1 < 128); /* one byte of LEB */
    b->bytes[c->offset + length_at] = (uint8_t)(c->at - length_at - 1);
    if (type == TRACE_THREAD_START) c->depth = 0;
}

static inline void builder_mark(struct builder *b, int chunk, uint64_t ticks, uint64_t kind, const char *name)
{
    builder_extension(b, chunk, TRACE_MARK, name, 2, ticks, kind);
    b->chunks[chunk].ticks = ticks;
}

static inline void builder_sample(struct builder *b, int chunk, uint64_t ticks, uint64_t reason, uint64_t rss,
                                  uint64_t peak, uint64_t recorder)
{
    builder_extension(b, chunk, TRACE_SAMPLE, NULL, 8, ticks, ticks, reason, rss, peak, (uint64_t)0,
                      (uint64_t)0, recorder);
    b->chunks[chunk].ticks = ticks;
}

/* BUILD_ID may be NULL. PATH and BUILD_ID are short. */
static inline void builder_module(struct builder *b, int chunk, uint64_t ticks, uint64_t generation,
                                  uint64_t start, uint64_t end, uint64_t bias, const char *build_id,
                                  const char *path)
{
    char text[128];
    uint64_t length = build_id ? strlen(build_id) : 0;

    snprintf(text, sizeof(text), "%s%s", build_id ? build_id : "", path);
    builder_extension(b, chunk, TRACE_MODULE, text, 6, ticks, generation, start, end, bias, length);
    if (ticks > b->chunks[chunk].ticks) b->chunks[chunk].ticks = ticks;
}

/* --- the file --------------------------------------------------------------------------------------- */

/* A file in memory with the trace's bytes; its path in PATH[64]. For close(). */
static inline int builder_file(const struct builder *b, char *path)
{
    int fd = memfd_create("trace", 0);

    assert(fd >= 0 && pwrite(fd, b->bytes, b->size, 0) == (ssize_t)b->size);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

#endif
