#include "reader/chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "reader/cursor.h"
#include "reader/events.h"
#include "reader/record.h"
#include "util/memory.h"
#include "util/progress.h"

/* --- finding them ----------------------------------------------------------------------------------- */

/* Is a chunk's header at OFFSET? A copy is checked and returned: the file may be changing. */
static bool chunk_header_read(const uint8_t *bytes, uint64_t size, uint64_t next, uint64_t offset,
                              struct trace_chunk *header)
{
    if (size - offset < sizeof(*header)) return false;
    memcpy(header, bytes + offset, sizeof(*header));
    return header->magic == TRACE_CHUNK_MAGIC && header->offset == offset &&
           header->bytes >= TRACE_CHUNK_ALIGNMENT && header->bytes % TRACE_CHUNK_ALIGNMENT == 0 &&
           header->bytes <= next - offset;
}

static int compare_offset(const void *offset, const void *chunk)
{
    uint64_t left = *(const uint64_t *)offset, right = ((const struct chunk *)chunk)->offset;

    return (left > right) - (left < right);
}

/* The chunk before that PREVIOUS names, or CHUNK_NONE: one that is not there begins a stream anew. */
static uint32_t chunk_at(const struct chunk_table *table, uint64_t offset)
{
    const struct chunk *found =
        table->count ? bsearch(&offset, table->chunks, table->count, sizeof(*table->chunks), compare_offset)
                     : NULL;

    return found ? (uint32_t)(found - table->chunks) : CHUNK_NONE;
}

static void chunk_join_stream(struct chunk_table *table, uint32_t index)
{
    struct chunk *chunk = &table->chunks[index];
    uint32_t before = chunk->previous ? chunk_at(table, chunk->previous) : CHUNK_NONE;
    struct chunk_stream *stream;

    if (before < index && table->chunks[before].kind == chunk->kind &&
        table->chunks[before].lane == chunk->lane) {
        chunk->stream = table->chunks[before].stream;
        stream = &table->streams[chunk->stream];
        table->chunks[stream->last].next = index;
        stream->last = index;
        return;
    }
    table->streams =
        memory_grow(table->streams, &table->stream_capacity, table->stream_count, sizeof(*table->streams));
    chunk->stream = (uint32_t)table->stream_count++;
    table->streams[chunk->stream] =
        (struct chunk_stream){.first = index, .last = index, .kind = chunk->kind, .lane = chunk->lane};
}

static void chunk_add(struct chunk_table *table, uint64_t size, const struct trace_chunk *header)
{
    struct chunk *chunk;
    uint64_t bytes = header->bytes < size - header->offset ? header->bytes : size - header->offset;

    table->chunks = memory_grow(table->chunks, &table->capacity, table->count, sizeof(*table->chunks));
    chunk = &table->chunks[table->count];
    *chunk = (struct chunk){
        .offset = header->offset,
        .bytes = bytes,
        .limit = header->committed && header->committed < bytes ? header->committed : bytes,
        .end = TRACE_CHUNK_HEADER_BYTES,
        .previous = header->previous,
        .ticks = header->ticks,
        .monotonic_ns = header->monotonic_ns,
        .thread = header->kind == TRACE_CHUNK_LANE ? header->thread : 0,
        .kind = header->kind,
        .lane = header->kind == TRACE_CHUNK_LANE ? header->lane : 0,
        .stream = CHUNK_NONE,
        .next = CHUNK_NONE,
    };
    table->count++;
    if (bytes < header->bytes) table->cut = true;
    if ((chunk->kind == TRACE_CHUNK_LANE && chunk->lane <= 1) || chunk->kind == TRACE_CHUNK_OUTSIDE)
        chunk_join_stream(table, (uint32_t)(table->count - 1));
}

/* Where data begins at OFFSET or behind, and in *END where it ends; SIZE when all behind is a hole. On file
 * systems without holes everything is data. */
static uint64_t data_behind(int fd, uint64_t offset, uint64_t size, uint64_t *end)
{
    off_t data = lseek(fd, (off_t)offset, SEEK_DATA);
    off_t hole;

    if (data < 0) {
        *end = size;
        return errno == ENXIO ? size : offset;
    }
    hole = lseek(fd, data, SEEK_HOLE);
    *end = hole > data ? (uint64_t)hole : size;
    return (uint64_t)data < size ? (uint64_t)data : size;
}

void chunks_find(struct chunk_table *table, int fd, const uint8_t *bytes, uint64_t size, uint64_t next)
{
    uint64_t offset = TRACE_HEADER_BYTES;
    uint64_t data_end = 0; /* up to here there is data */
    struct trace_chunk header;

    table->bytes = bytes;
    while (offset < size) {
        if (offset >= data_end) {
            uint64_t data = data_behind(fd, offset, size, &data_end) & ~(uint64_t)(TRACE_CHUNK_ALIGNMENT - 1);
            if (data > offset) offset = data;
            if (offset >= size) break;
        }
        if (chunk_header_read(bytes, size, next, offset, &header)) {
            chunk_add(table, size, &header);
            chunk_release(table,
                          &table->chunks[table->count - 1]); /* a look at a header maps 64 KiB and more */
            offset += header.bytes;
        } else {
            offset += TRACE_CHUNK_ALIGNMENT;
        }
    }
}

/* --- going through their records -------------------------------------------------------------------- */

/* A decoder that remembers as much as it takes to know where a record ends and whether it decodes: the
 * depth of the previous stack and the time, no address. */
struct scan {
    struct chunk_table *table;
    uint32_t chunk;
    struct cursor cursor;
    uint64_t ticks;
    size_t depth;
};

static uint64_t scan_offset(const struct scan *s)
{
    return (uint64_t)(s->cursor.at - s->table->bytes);
}

static void scan_found_module(struct scan *s, const struct module_record *module)
{
    struct chunk_table *t = s->table;

    t->modules = memory_grow(t->modules, &t->module_capacity, t->module_count, sizeof(*t->modules));
    t->modules[t->module_count++] = *module;
}

/* The last run, if it is of this chunk's stream, ends at OFFSET. Streams are scanned one after another. */
static void scan_end_run(struct scan *s, uint64_t offset)
{
    struct chunk_table *t = s->table;

    if (t->run_count && t->runs[t->run_count - 1].stream == t->chunks[s->chunk].stream)
        t->runs[t->run_count - 1].end = offset;
}

static void scan_begin_run(struct scan *s, uint64_t start, uint64_t place_chunk, uint64_t committed)
{
    struct chunk_table *t = s->table;
    uint32_t index = place_chunk ? chunk_at(t, place_chunk) : CHUNK_NONE;
    struct lane_run *run;

    scan_end_run(s, start);
    t->runs = memory_grow(t->runs, &t->run_capacity, t->run_count, sizeof(*t->runs));
    run = &t->runs[t->run_count++];
    *run = (struct lane_run){
        .start = start,
        .end = UINT64_MAX,
        .stream = t->chunks[s->chunk].stream,
        .chunk = s->chunk,
        .place_stream = CHUNK_NONE,
    };
    if (index == CHUNK_NONE || t->chunks[index].kind != TRACE_CHUNK_LANE || t->chunks[index].lane != 0)
        return;
    run->place_stream = t->chunks[index].stream;
    run->place = place_chunk + (committed < t->chunks[index].bytes ? committed : t->chunks[index].bytes);
}

static void scan_extension(struct scan *s, const struct record *r, uint64_t start)
{
    struct cursor *c = &s->cursor;
    struct event e;
    uint64_t ticks = s->ticks;

    if (!extension_parse(r->extension_type, r->payload, r->extension_bytes, &e, &ticks)) {
        cursor_fail(c);
        return;
    }
    if (ticks > s->ticks) s->ticks = ticks;
    if (e.kind == EVENT_THREAD_START) s->depth = 0;
    if (e.kind == EVENT_MODULE) scan_found_module(s, &e.module);
    if (s->table->chunks[s->chunk].lane == 0) return;
    if (e.kind == EVENT_LANE_ENTRY) scan_begin_run(s, start, e.chunk, e.committed);
    if (e.kind == EVENT_THREAD_START) scan_begin_run(s, start, 0, 0); /* of no place */
}

static void scan_stack_delta(struct scan *s)
{
    struct stack_delta delta;
    size_t depth = record_parse_delta(&s->cursor, s->depth, &delta);

    for (uint64_t i = delta.added + delta.outer_added; i > 0 && !s->cursor.bad; i--)
        record_address_code(&s->cursor, RECORD_FRAME_SLOTS);
    s->depth = depth;
}

static void scan_record(struct scan *s)
{
    struct cursor *c = &s->cursor;
    uint64_t start = scan_offset(s);
    struct record r;

    record_parse(c, &r);
    if (c->bad) return;
    if (r.operation == TRACE_EXTENSION) {
        scan_extension(s, &r, start);
        return;
    }
    s->ticks = record_time(&r, s->ticks);
    if (r.flags & TRACE_STACK) scan_stack_delta(s);
}

static void scan_chunk(struct chunk_table *table, uint32_t index)
{
    struct chunk *chunk = &table->chunks[index];
    const uint8_t *start = table->bytes + chunk->offset;
    struct scan s = {.table = table, .chunk = index, .ticks = chunk->ticks};
    const uint8_t *valid;

    if (chunk->limit <= TRACE_CHUNK_HEADER_BYTES) return;
    s.cursor = (struct cursor){.at = start + TRACE_CHUNK_HEADER_BYTES, .end = start + chunk->limit};
    /* In a second lane, what stands in front of the first lane entry is a run without a place. */
    if (chunk->lane == 1 && table->streams[chunk->stream].first == index)
        scan_begin_run(&s, chunk->offset + TRACE_CHUNK_HEADER_BYTES, 0, 0);
    valid = s.cursor.at;
    while (s.cursor.at < s.cursor.end && *s.cursor.at != 0) {
        scan_record(&s);
        if (s.cursor.bad) break;
        valid = s.cursor.at;
    }
    chunk->end = (uint64_t)(valid - start);
    chunk->damaged = s.cursor.bad;
    table->damaged_chunks += chunk->damaged;
    table->record_bytes += chunk->end - TRACE_CHUNK_HEADER_BYTES;
    chunk_release(table, chunk);
}

static int compare_modules(const void *a, const void *b)
{
    const struct module_record *left = a, *right = b;

    if (left->ticks != right->ticks) return left->ticks < right->ticks ? -1 : 1;
    return (left->path > right->path) - (left->path < right->path); /* the order in the file */
}

static int compare_runs(const void *a, const void *b)
{
    const struct lane_run *left = a, *right = b;

    if (left->place_stream != right->place_stream) return left->place_stream < right->place_stream ? -1 : 1;
    if (left->place != right->place) return left->place < right->place ? -1 : 1;
    return (left->start > right->start) - (left->start < right->start);
}

void chunks_scan(struct chunk_table *table)
{
    size_t scanned = 0;

    for (size_t i = 0; i < table->stream_count; i++) {
        for (uint32_t chunk = table->streams[i].first; chunk != CHUNK_NONE;
             chunk = table->chunks[chunk].next) {
            scan_chunk(table, chunk);
            progress_update((double)++scanned / (double)table->count * CHUNKS_SCAN_SHARE);
        }
    }
    if (table->module_count)
        qsort(table->modules, table->module_count, sizeof(*table->modules), compare_modules);
    if (table->run_count) qsort(table->runs, table->run_count, sizeof(*table->runs), compare_runs);
}

void chunks_free(struct chunk_table *table)
{
    free(table->chunks);
    free(table->streams);
    free(table->runs);
    free(table->modules);
    *table = (struct chunk_table){0};
}

void chunk_release(const struct chunk_table *table, const struct chunk *chunk)
{
    /* Chunks begin at multiples of 64 KiB in the file, so of the page in memory. Best effort. */
    madvise((void *)(uintptr_t)(table->bytes + chunk->offset), chunk->bytes, MADV_DONTNEED);
}
