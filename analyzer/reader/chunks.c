#include "reader/chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "reader/compact_file.h"
#include "reader/cursor.h"
#include "reader/events.h"
#include "reader/record.h"
#include "reader/store.h"
#include "util/memory.h"
#include "util/progress.h"

/* --- finding them ----------------------------------------------------------------------------------- */

/* Is a chunk's header at OFFSET? A copy is checked and returned: the file may be changing. */
static bool chunk_header_read(int fd, const uint8_t *bytes, uint64_t size, uint64_t next, uint64_t offset,
                              struct trace_chunk *header)
{
    if (size - offset < sizeof(*header)) return false;
    if (bytes)
        memcpy(header, bytes + offset, sizeof(*header));
    else if (pread(fd, header, sizeof(*header), (off_t)offset) != (ssize_t)sizeof(*header))
        return false;
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

static struct chunk *chunk_add(struct chunk_table *table, uint64_t size, const struct trace_chunk *header)
{
    struct chunk *chunk;
    uint64_t bytes = header->bytes < size - header->offset ? header->bytes : size - header->offset;

    table->chunks = memory_grow(table->chunks, &table->capacity, table->count, sizeof(*table->chunks));
    chunk = &table->chunks[table->count++];
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
        .block = CHUNK_NONE,
    };
    if (bytes < header->bytes) table->cut = true;
    return chunk;
}

/* All chunks are there, in the order of their offsets. */
static void chunks_join(struct chunk_table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        const struct chunk *chunk = &table->chunks[i];
        if ((chunk->kind == TRACE_CHUNK_LANE && chunk->lane <= 1) || chunk->kind == TRACE_CHUNK_OUTSIDE)
            chunk_join_stream(table, i);
    }
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

/* Let go of the mapped pages: a look at a header maps 64 KiB and more. Chunks begin at multiples of 64 KiB in
 * the file, so of the page in memory. Best effort. */
static void pages_release(const uint8_t *bytes, const struct chunk *chunk)
{
    madvise((void *)(uintptr_t)(bytes + chunk->offset), chunk->bytes, MADV_DONTNEED);
}

static void chunks_find_raw(struct chunk_table *table, int fd, const uint8_t *bytes, uint64_t size,
                            uint64_t next)
{
    uint64_t offset = TRACE_HEADER_BYTES;
    uint64_t data_end = 0; /* up to here there is data */
    struct trace_chunk header;

    while (offset < size) {
        if (offset >= data_end) {
            uint64_t data = data_behind(fd, offset, size, &data_end) & ~(uint64_t)(TRACE_CHUNK_ALIGNMENT - 1);
            if (data > offset) offset = data;
            if (offset >= size) break;
        }
        if (chunk_header_read(fd, bytes, size, next, offset, &header)) {
            const struct chunk *chunk = chunk_add(table, size, &header);
            if (bytes) pages_release(bytes, chunk);
            offset += header.bytes;
        } else {
            offset += TRACE_CHUNK_ALIGNMENT;
        }
    }
}

void chunks_find(struct chunk_table *table, int fd, const uint8_t *bytes, uint64_t size, uint64_t next)
{
    table->bytes = bytes;
    chunks_find_raw(table, fd, bytes, size, next);
    chunks_join(table);
}

static void chunk_add_entry(struct chunk_table *table, const struct compact_entry *entry, uint32_t block,
                            uint64_t place)
{
    struct trace_chunk header = {0};
    struct chunk *chunk;

    memcpy(&header, entry->header, sizeof(entry->header));
    chunk = chunk_add(table, UINT64_MAX, &header);
    chunk->block = block;
    chunk->place = place;
    chunk->stored = entry->stored_bytes;
    if (chunk->limit > chunk->stored) chunk->limit = chunk->stored;
    chunk->end = entry->end;
    chunk->damaged = entry->flags & COMPACT_DAMAGED;
    chunk->scanned = !(entry->flags & COMPACT_NOTABLE);
}

static int compare_chunks(const void *a, const void *b)
{
    const struct chunk *left = a, *right = b;

    if (left->offset != right->offset) return left->offset < right->offset ? -1 : 1;
    return (left->block > right->block) - (left->block < right->block); /* raw ones last */
}

/* In order of their offsets, none over another. Forged entries could otherwise take each other's bytes
 * away. */
static void chunks_sort(struct chunk_table *table)
{
    size_t kept = 0;
    uint64_t end = 0;

    if (table->count) qsort(table->chunks, table->count, sizeof(*table->chunks), compare_chunks);
    for (size_t i = 0; i < table->count; i++) {
        if (table->chunks[i].offset < end) continue;
        table->chunks[kept] = table->chunks[i];
        end = table->chunks[kept].offset + table->chunks[kept].bytes;
        kept++;
    }
    table->count = kept;
}

void chunks_find_compact(struct chunk_table *table, const struct compact_file *compact, int fd, uint64_t size,
                         uint64_t next)
{
    if (fd >= 0) chunks_find_raw(table, fd, NULL, size, next);
    for (size_t i = 0; i < compact->block_count; i++) {
        const struct compact_place_found *block = &compact->blocks[i];
        uint64_t place = 0;
        for (uint32_t j = block->first; j < block->first + block->entries; j++) {
            chunk_add_entry(table, &compact->entries[j], (uint32_t)i, place);
            place += compact->entries[j].stored_bytes;
        }
    }
    chunks_sort(table);
    chunks_join(table);
}

void chunk_acquire(const struct chunk_table *table, uint32_t index)
{
    struct chunk *chunk = &table->chunks[index];

    if (chunk->users++ == 0 && table->store) store_load(table->store, chunk);
}

void chunk_release(const struct chunk_table *table, uint32_t index)
{
    struct chunk *chunk = &table->chunks[index];

    if (--chunk->users > 0) return;
    if (table->store)
        store_release(table->store, chunk);
    else
        pages_release(table->bytes, chunk);
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
    bool truncated;
    uint64_t remembered_count; /* stacks that a reference may name, since the reset */
    uint16_t remembered_depths[TRACE_REMEMBERED_STACKS];
};

static uint64_t scan_offset(const struct scan *s)
{
    return (uint64_t)(s->cursor.at - s->table->bytes);
}

/* The chunk's bytes are given up again: what the record points to is copied. */
static void scan_found_module(struct scan *s, const struct module_record *module, uint64_t place)
{
    struct chunk_table *t = s->table;
    struct module_record *kept;

    if (!t->texts) t->texts = arena_new();
    t->modules = memory_grow(t->modules, &t->module_capacity, t->module_count, sizeof(*t->modules));
    kept = &t->modules[t->module_count++];
    *kept = *module;
    kept->place = place;
    kept->path = arena_text(t->texts, module->path, module->path_length);
    kept->build_id =
        (const uint8_t *)arena_text(t->texts, (const char *)module->build_id, module->build_id_bytes);
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
    if (e.kind == EVENT_THREAD_START) {
        s->depth = 0;
        s->truncated = false;
        s->remembered_count = 0;
    }
    if (e.kind == EVENT_MODULE) scan_found_module(s, &e.module, start);
    if (s->table->chunks[s->chunk].lane == 0) return;
    if (e.kind == EVENT_LANE_ENTRY) scan_begin_run(s, start, e.chunk, e.committed);
    if (e.kind == EVENT_THREAD_START) scan_begin_run(s, start, 0, 0); /* of no place */
}

static void scan_stack(struct scan *s)
{
    struct stack_delta delta;
    size_t depth = record_parse_stack(&s->cursor, s->table->references, s->depth, &delta);

    if (delta.reference) {
        if (delta.number >= s->remembered_count)
            cursor_fail(&s->cursor);
        else
            s->depth = s->remembered_depths[delta.number];
        s->truncated = false;
        return;
    }
    for (uint64_t i = delta.added + delta.outer_added; i > 0 && !s->cursor.bad; i--)
        record_address_code(&s->cursor, RECORD_FRAME_SLOTS);
    s->depth = depth;
    if (delta.outer_change) s->truncated = delta.truncated;
    if (!s->truncated)
        s->remembered_depths[s->remembered_count++ % TRACE_REMEMBERED_STACKS] = (uint16_t)depth;
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
    if (r.flags & TRACE_STACK) scan_stack(s);
}

/* Go through the records of chunk INDEX, whose bytes are there. */
static void scan_records(struct chunk_table *table, uint32_t index)
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
}

bool chunk_check(const struct chunk_table *table, uint32_t index)
{
    return !table->store || store_check(table->store, &table->chunks[index]);
}

static void scan_chunk(struct chunk_table *table, uint32_t index)
{
    struct chunk *chunk = &table->chunks[index];

    if (!chunk_check(table, index)) {
        chunk->end = TRACE_CHUNK_HEADER_BYTES;
        chunk->damaged = true;
    } else if (!chunk->scanned) {
        chunk_acquire(table, index);
        scan_records(table, index);
        chunk_release(table, index);
    }
    table->damaged_chunks += chunk->damaged;
    table->record_bytes += chunk->end - TRACE_CHUNK_HEADER_BYTES;
}

void chunk_examine(const uint8_t *bytes, uint64_t size, bool references, struct chunk_examined *examined)
{
    struct chunk chunk = {.bytes = size, .limit = size, .end = TRACE_CHUNK_HEADER_BYTES, .next = CHUNK_NONE};
    struct chunk_stream stream = {0};
    struct chunk_table table = {.bytes = bytes,
                                .chunks = &chunk,
                                .count = 1,
                                .streams = &stream,
                                .stream_count = 1,
                                .references = references};
    struct trace_chunk header;

    memcpy(&header, bytes, sizeof(header));
    chunk.ticks = header.ticks;
    chunk.kind = header.kind;
    chunk.lane = header.kind == TRACE_CHUNK_LANE ? header.lane : 0;
    if (header.committed && header.committed < size) chunk.limit = header.committed;
    scan_records(&table, 0);
    *examined = (struct chunk_examined){
        .end = chunk.end, .damaged = chunk.damaged, .notable = chunk.lane == 1 || table.module_count > 0};
    free(table.runs);
    free(table.modules);
    arena_free(table.texts);
}

static int compare_modules(const void *a, const void *b)
{
    const struct module_record *left = a, *right = b;

    if (left->ticks != right->ticks) return left->ticks < right->ticks ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place); /* the order in the file */
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
    arena_free(table->texts);
    *table = (struct chunk_table){0};
}
