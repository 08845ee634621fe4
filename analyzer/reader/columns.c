#include "reader/columns.h"

#include <stdlib.h>
#include <string.h>
#include "reader/cursor.h"
#include "reader/heap_model.h"
#include "reader/record.h"
#include "util/memory.h"

/* In the order of the format. */
enum column {
    OPERATIONS, /* each record's first byte */
    TIMES,      /* LEB of each TIMED record */
    SIZES,      /* LEB of each record that has one */
    DETAILS,    /* entry and alignment, outcome, usable size: as in the record */
    STACKS,     /* stack deltas, as in the record */
    ALLOCATED,  /* a choice for each new block */
    FREED,      /* a choice for each block given up */
    NUMBERS,    /* zigzag LEB of block number - that of the block freed before, for CHOICE_NUMBER */
    ADDRESSES,  /* for CHOICE_LITERAL */
    EXTENSIONS, /* type, length and payload, as in the record */
    REST,       /* chunk headers; what is behind the last record */
    COLUMNS
};

struct growing {
    uint8_t *bytes;
    size_t size, capacity;
};

/* The recorder's cache of block addresses, emulated. */
struct block_cache {
    uint64_t previous, slots[RECORD_BLOCK_SLOTS];
};

struct columns {
    struct growing columns[COLUMNS];
    struct growing joined;
    struct heap_model heap;
    bool references; /* of the block that is being split */
};

struct columns *columns_new(void)
{
    return memory_new(1, sizeof(struct columns));
}

void columns_free(struct columns *columns)
{
    if (!columns) return;
    for (size_t i = 0; i < COLUMNS; i++)
        free(columns->columns[i].bytes);
    free(columns->joined.bytes);
    heap_model_free(&columns->heap);
    free(columns);
}

/* --- taking apart --------------------------------------------------------------------------------------- */

static uint8_t *growing_reserve(struct growing *g, size_t more)
{
    if (g->capacity - g->size < more) {
        g->capacity = 2 * (g->capacity + more);
        g->bytes = memory_resize(g->bytes, g->capacity, 1);
    }
    return g->bytes + g->size;
}

static void put_bytes(struct growing *g, const void *bytes, size_t size)
{
    if (size == 0) return;
    memcpy(growing_reserve(g, size), bytes, size);
    g->size += size;
}

static void put_byte(struct growing *g, uint8_t byte)
{
    *growing_reserve(g, 1) = byte;
    g->size++;
}

static void put_leb(struct growing *g, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        put_byte(g, (uint8_t)(value | 0x80));
    put_byte(g, (uint8_t)value);
}

/* An address that nothing leads to, by its distance from another. */
static void put_literal(struct growing *g, uint64_t address, uint64_t from)
{
    uint64_t difference = trace_zigzag((int64_t)((address >> 4) - (from >> 4)));

    if (address % 16 != 0 || difference == UINT64_MAX) {
        put_leb(g, 0);
        put_bytes(g, &address, sizeof(address));
    } else {
        put_leb(g, difference + 1);
    }
}

static uint64_t cache_address(struct block_cache *cache, const struct address_code *code)
{
    uint64_t address;

    if (code->code < RECORD_BLOCK_SLOTS) {
        address = cache->slots[code->code];
    } else {
        uint64_t difference = (uint64_t)trace_unzigzag(code->code - RECORD_BLOCK_SLOTS);
        address = code->code == RECORD_BLOCK_SLOTS
                      ? code->escaped
                      : ((cache->previous >> TRACE_BLOCK_CACHE_SHIFT) + difference)
                            << TRACE_BLOCK_CACHE_SHIFT;
        cache->slots[trace_cache_slot(address, TRACE_BLOCK_CACHE_SHIFT, TRACE_BLOCK_CACHE_BITS)] = address;
    }
    cache->previous = address;
    return address;
}

static void split_block(struct columns *c, const struct record *r, uint64_t address)
{
    struct heap_model *heap = &c->heap;
    uint32_t block;
    uint8_t choice;

    if (record_allocates(r)) {
        choice = heap_choose_allocation(heap, r->size, address);
        put_byte(&c->columns[ALLOCATED], choice);
        if (choice == CHOICE_LITERAL) put_literal(&c->columns[ADDRESSES], address, heap->ends[0]);
        heap_allocated(heap, r->size, choice, address);
        return;
    }
    choice = heap_choose_free(heap, address, &block);
    put_byte(&c->columns[FREED], choice);
    if (choice == CHOICE_NUMBER)
        put_leb(&c->columns[NUMBERS], trace_zigzag((int64_t)block - (int64_t)heap->freed_block));
    if (choice == CHOICE_LITERAL) put_literal(&c->columns[ADDRESSES], address, heap->freed[0]);
    heap_freed(heap, block, address);
}

static void split_stack(struct columns *c, struct cursor *cursor)
{
    const uint8_t *start = cursor->at;

    record_skip_stack(cursor, c->references);
    if (!cursor->bad) put_bytes(&c->columns[STACKS], start, (size_t)(cursor->at - start));
}

static void split_record(struct columns *c, struct cursor *cursor, struct block_cache *cache)
{
    const uint8_t *start = cursor->at;
    struct record r = {0};

    record_parse(cursor, &r);
    if (cursor->bad) return;
    put_byte(&c->columns[OPERATIONS], *start);
    if (r.operation == TRACE_EXTENSION) {
        put_bytes(&c->columns[EXTENSIONS], start + 1, (size_t)(cursor->at - start) - 1);
        if (r.extension_type != TRACE_THREAD_START) return;
        *cache = (struct block_cache){0};
        return;
    }
    if (r.flags & TRACE_TIMED) put_leb(&c->columns[TIMES], r.time_delta);
    if (record_has_entry(&r)) {
        put_byte(&c->columns[DETAILS], r.entry);
        put_byte(&c->columns[DETAILS], r.log2_alignment);
    }
    if (r.operation == TRACE_REALLOC_END) put_byte(&c->columns[DETAILS], r.outcome);
    if (record_has_stack(&r)) put_leb(&c->columns[SIZES], r.size);
    if (r.operation != TRACE_REALLOC_END && r.operation != TRACE_FAILED)
        split_block(c, &r, cache_address(cache, &r.block));
    if (r.flags & TRACE_USABLE) put_leb(&c->columns[DETAILS], r.usable_difference);
    if (r.flags & TRACE_STACK) split_stack(c, cursor);
}

static bool split_chunk(struct columns *c, const uint8_t *bytes, const struct columns_chunk *chunk)
{
    struct cursor cursor = {.at = bytes + TRACE_CHUNK_HEADER_BYTES, .end = bytes + chunk->end};
    struct block_cache cache = {0};

    put_bytes(&c->columns[REST], bytes, TRACE_CHUNK_HEADER_BYTES);
    while (cursor.at < cursor.end)
        split_record(c, &cursor, &cache);
    put_bytes(&c->columns[REST], bytes + chunk->end, chunk->stored - chunk->end);
    return !cursor.bad;
}

const uint8_t *columns_split(struct columns *c, const uint8_t *content, const struct columns_shape *shape,
                             size_t *size)
{
    uint32_t sizes[COLUMNS];

    for (size_t i = 0; i < COLUMNS; i++)
        c->columns[i].size = 0;
    c->references = shape->references;
    heap_model_reset(&c->heap);
    for (size_t i = 0; i < shape->count; i++) {
        if (!split_chunk(c, content, &shape->chunks[i])) return NULL;
        content += shape->chunks[i].stored;
    }
    for (size_t i = 0; i < COLUMNS; i++)
        sizes[i] = (uint32_t)c->columns[i].size;
    c->joined.size = 0;
    put_bytes(&c->joined, sizes, sizeof(sizes));
    for (size_t i = 0; i < COLUMNS; i++)
        put_bytes(&c->joined, c->columns[i].bytes, c->columns[i].size);
    *size = c->joined.size;
    return c->joined.bytes;
}

/* --- putting together ----------------------------------------------------------------------------------- */

struct joiner {
    struct cursor columns[COLUMNS];
    struct heap_model *heap;
    struct block_cache cache;
    bool references;
    struct cursor out; /* where the next byte goes; bad: what came so far is wrong */
};

static uint8_t *out_reserve(struct joiner *j, uint64_t size)
{
    uint8_t *at = (uint8_t *)(uintptr_t)j->out.at; /* the content is the caller's, to be written */

    if (size <= (uint64_t)(j->out.end - j->out.at)) return at;
    cursor_fail(&j->out);
    return NULL;
}

static void out_bytes(struct joiner *j, const uint8_t *bytes, uint64_t size)
{
    uint8_t *at = out_reserve(j, size);

    if (!at || !bytes) {
        cursor_fail(&j->out);
        return;
    }
    memcpy(at, bytes, size);
    j->out.at += size;
}

static void out_byte(struct joiner *j, uint8_t byte)
{
    uint8_t *at = out_reserve(j, 1);

    if (!at) return;
    *at = byte;
    j->out.at++;
}

static void out_leb(struct joiner *j, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        out_byte(j, (uint8_t)(value | 0x80));
    out_byte(j, (uint8_t)value);
}

/* As the recorder codes it. */
static void out_address(struct joiner *j, uint64_t address)
{
    struct block_cache *cache = &j->cache;
    unsigned slot = trace_cache_slot(address, TRACE_BLOCK_CACHE_SHIFT, TRACE_BLOCK_CACHE_BITS);
    uint64_t code;

    if (cache->slots[slot] == address) {
        out_byte(j, (uint8_t)slot);
    } else {
        code = trace_zigzag(
            (int64_t)((address >> TRACE_BLOCK_CACHE_SHIFT) - (cache->previous >> TRACE_BLOCK_CACHE_SHIFT)));
        if (code == 0 || code > UINT64_MAX - RECORD_BLOCK_SLOTS || address % 16 != 0) {
            out_leb(j, RECORD_BLOCK_SLOTS);
            out_bytes(j, (const uint8_t *)&address, sizeof(address));
        } else {
            out_leb(j, RECORD_BLOCK_SLOTS + code);
        }
        cache->slots[slot] = address;
    }
    cache->previous = address;
}

static uint64_t take_literal(struct joiner *j, uint64_t from)
{
    uint64_t value = cursor_uleb128(&j->columns[ADDRESSES]);

    if (value == 0) return cursor_u64(&j->columns[ADDRESSES]);
    return ((from >> 4) + (uint64_t)trace_unzigzag(value - 1)) << 4;
}

static void join_allocated(struct joiner *j, uint64_t size)
{
    uint8_t choice = cursor_u8(&j->columns[ALLOCATED]);
    uint64_t address = 0;

    if (choice == CHOICE_LITERAL)
        address = take_literal(j, j->heap->ends[0]);
    else if (!heap_follow_allocation(j->heap, size, choice, &address))
        cursor_fail(&j->out);
    heap_allocated(j->heap, size, choice, address);
    out_address(j, address);
}

static void join_freed(struct joiner *j)
{
    uint8_t choice = cursor_u8(&j->columns[FREED]);
    uint64_t address = 0;
    uint32_t block = 0;

    if (choice == CHOICE_NUMBER)
        block =
            (uint32_t)((uint64_t)trace_unzigzag(cursor_uleb128(&j->columns[NUMBERS])) + j->heap->freed_block);
    if (choice == CHOICE_LITERAL) {
        address = take_literal(j, j->heap->freed[0]);
    } else if (!heap_follow_free(j->heap, choice, &block, &address)) {
        cursor_fail(&j->out);
        return;
    }
    heap_freed(j->heap, block, address);
    out_address(j, address);
}

static void join_stack(struct joiner *j)
{
    struct cursor *stacks = &j->columns[STACKS];
    const uint8_t *start = stacks->at;

    record_skip_stack(stacks, j->references);
    out_bytes(j, start, (uint64_t)(stacks->at - start));
}

static void join_extension(struct joiner *j)
{
    struct cursor *extensions = &j->columns[EXTENSIONS];
    const uint8_t *start = extensions->at;
    uint64_t type = cursor_uleb128(extensions), bytes = cursor_uleb128(extensions);

    cursor_bytes(extensions, bytes);
    out_bytes(j, start, (uint64_t)(extensions->at - start));
    if (type != TRACE_THREAD_START) return;
    j->cache = (struct block_cache){0};
}

static void join_record(struct joiner *j)
{
    uint8_t first = cursor_u8(&j->columns[OPERATIONS]);
    struct record r = {.operation = first & TRACE_OPERATION_MASK, .flags = first & 0xf0};

    if (!(record_flags[r.operation] & 1) || r.flags & ~record_flags[r.operation]) {
        cursor_fail(&j->out);
        return;
    }
    out_byte(j, first);
    if (r.operation == TRACE_EXTENSION) {
        join_extension(j);
        return;
    }
    if (r.flags & TRACE_TIMED) out_leb(j, cursor_uleb128(&j->columns[TIMES]));
    if (record_has_entry(&r)) out_bytes(j, cursor_bytes(&j->columns[DETAILS], 2), 2);
    if (r.operation == TRACE_REALLOC_END) out_byte(j, cursor_u8(&j->columns[DETAILS]));
    if (record_has_stack(&r)) {
        r.size = cursor_uleb128(&j->columns[SIZES]);
        out_leb(j, r.size);
    }
    if (record_allocates(&r))
        join_allocated(j, r.size);
    else if (!record_has_stack(&r))
        join_freed(j);
    if (r.flags & TRACE_USABLE) out_leb(j, cursor_uleb128(&j->columns[DETAILS]));
    if (r.flags & TRACE_STACK) join_stack(j);
}

static bool join_chunk(struct joiner *j, const struct columns_chunk *chunk, uint8_t *content)
{
    j->out = (struct cursor){.at = content, .end = content + chunk->end};
    j->cache = (struct block_cache){0};
    out_bytes(j, cursor_bytes(&j->columns[REST], TRACE_CHUNK_HEADER_BYTES), TRACE_CHUNK_HEADER_BYTES);
    while (j->out.at < j->out.end)
        join_record(j);
    if (j->out.bad) return false;
    j->out.end = content + chunk->stored;
    out_bytes(j, cursor_bytes(&j->columns[REST], chunk->stored - chunk->end), chunk->stored - chunk->end);
    return !j->out.bad;
}

bool columns_join(struct columns *c, const uint8_t *bytes, size_t size, const struct columns_shape *shape,
                  uint8_t *content)
{
    struct joiner j = {.heap = &c->heap, .references = shape->references};
    struct cursor all = {.at = bytes, .end = bytes + size};
    uint32_t sizes[COLUMNS];

    if (size < sizeof(sizes)) return false;
    memcpy(sizes, cursor_bytes(&all, sizeof(sizes)), sizeof(sizes));
    for (size_t i = 0; i < COLUMNS; i++) {
        const uint8_t *start = cursor_bytes(&all, sizes[i]);
        if (!start) return false;
        j.columns[i] = (struct cursor){.at = start, .end = start + sizes[i]};
    }
    heap_model_reset(&c->heap);
    for (size_t i = 0; i < shape->count; i++) {
        if (!join_chunk(&j, &shape->chunks[i], content)) return false;
        content += shape->chunks[i].stored;
    }
    for (size_t i = 0; i < COLUMNS; i++)
        if (j.columns[i].bad || j.columns[i].at != j.columns[i].end) return false;
    return all.at == all.end;
}
