/* The grammar of one record, in one place: chunks.c uses it to find where records end, events.c to decode
 * them. What needs the decoder's memory (caches, the previous stack) is not here.
 * Source: docs/trace-format.md, "Records". */
#ifndef ANALYZER_READER_RECORD_H
#define ANALYZER_READER_RECORD_H

#include "memtrace/trace_format.h"
#include "reader/cursor.h"

#define RECORD_BLOCK_SLOTS (1u << TRACE_BLOCK_CACHE_BITS)
#define RECORD_FRAME_SLOTS (1u << TRACE_FRAME_CACHE_BITS)

/* An address code: an escape's address stands in `escaped`. */
struct address_code {
    uint64_t code, escaped;
};

struct record {
    uint8_t operation, flags;
    uint8_t entry, log2_alignment, outcome;
    uint64_t time_delta;
    uint64_t size;
    struct address_code block;
    uint64_t usable_difference; /* zigzag */
    uint64_t extension_type, extension_bytes;
    const uint8_t *payload;
};

struct stack_delta {
    bool reference; /* no delta at all: remembered stack NUMBER */
    uint32_t number;
    uint64_t dropped, added;
    bool outer_change, truncated;
    uint64_t outer_dropped, outer_added;
};

/* The flags that an operation may carry, with bit 0 for an operation that there is. */
static const uint8_t record_flags[TRACE_OPERATION_MASK + 1] = {
    [TRACE_MALLOC] = 1 | TRACE_TIMED | TRACE_STACK | TRACE_USABLE | TRACE_POOL,
    [TRACE_CALLOC] = 1 | TRACE_TIMED | TRACE_STACK | TRACE_USABLE,
    [TRACE_REALLOC] = 1 | TRACE_TIMED | TRACE_STACK | TRACE_USABLE,
    [TRACE_REALLOCARRAY] = 1 | TRACE_TIMED | TRACE_STACK | TRACE_USABLE,
    [TRACE_ALIGNED] = 1 | TRACE_TIMED | TRACE_STACK | TRACE_USABLE,
    [TRACE_FREE] = 1 | TRACE_TIMED | TRACE_POOL,
    [TRACE_REALLOC_BEGIN] = 1 | TRACE_TIMED,
    [TRACE_REALLOC_END] = 1 | TRACE_TIMED | TRACE_STACK,
    [TRACE_FAILED] = 1 | TRACE_TIMED | TRACE_STACK,
    [TRACE_REALLOC_NULL] = 1 | TRACE_TIMED | TRACE_STACK | TRACE_USABLE,
    [TRACE_REALLOCARRAY_NULL] = 1 | TRACE_TIMED | TRACE_STACK | TRACE_USABLE,
    [TRACE_EXTENSION] = 1,
};

/* What an operation's fields are. */
static inline bool record_has_entry(const struct record *r)
{
    return r->operation == TRACE_ALIGNED || r->operation == TRACE_FAILED;
}

static inline bool record_allocates(const struct record *r)
{
    return r->operation <= TRACE_ALIGNED || r->operation == TRACE_REALLOC_NULL ||
           r->operation == TRACE_REALLOCARRAY_NULL;
}

/* Is the record one with a stack: its own (STACK) or the previous one? */
static inline bool record_has_stack(const struct record *r)
{
    return r->operation != TRACE_FREE && r->operation != TRACE_REALLOC_BEGIN &&
           r->operation != TRACE_EXTENSION;
}

static inline struct address_code record_address_code(struct cursor *c, uint64_t slots)
{
    struct address_code code = {.code = cursor_uleb128(c)};

    if (code.code == slots) code.escaped = cursor_u64(c);
    return code;
}

static inline void record_parse_entry(struct cursor *c, struct record *r)
{
    r->entry = cursor_u8(c);
    r->log2_alignment = cursor_u8(c);
    if (r->entry < TRACE_ENTRY_MALLOC || r->entry > TRACE_ENTRY_PVALLOC || r->log2_alignment > 63 ||
        (r->operation == TRACE_ALIGNED && r->entry < TRACE_ENTRY_POSIX_MEMALIGN))
        cursor_fail(c);
}

static inline void record_parse_extension(struct cursor *c, struct record *r)
{
    r->extension_type = cursor_uleb128(c);
    r->extension_bytes = cursor_uleb128(c);
    r->payload = cursor_bytes(c, r->extension_bytes);
}

/* The record at the cursor up to its stack delta. The caller has seen that a first byte is there and is
 * not zero. What does not decode leaves the cursor bad. */
static inline void record_parse(struct cursor *c, struct record *r)
{
    uint8_t first = cursor_u8(c);

    r->operation = first & TRACE_OPERATION_MASK;
    r->flags = first & (uint8_t)~TRACE_OPERATION_MASK;
    r->entry = r->log2_alignment = r->outcome = 0;
    r->size = r->usable_difference = r->time_delta = 0;
    if (!(record_flags[r->operation] & 1) || r->flags & ~record_flags[r->operation]) {
        cursor_fail(c);
        return;
    }
    if (r->operation == TRACE_EXTENSION) {
        record_parse_extension(c, r);
        return;
    }
    if (r->flags & TRACE_TIMED) r->time_delta = cursor_uleb128(c);
    if (record_has_entry(r)) record_parse_entry(c, r);
    if (r->operation == TRACE_REALLOC_END) {
        r->outcome = cursor_u8(c);
        if (r->outcome != TRACE_REALLOC_FAILED && r->outcome != TRACE_REALLOC_FREED) cursor_fail(c);
    }
    if (record_has_stack(r)) r->size = cursor_uleb128(c);
    if (r->operation != TRACE_REALLOC_END && r->operation != TRACE_FAILED)
        r->block = record_address_code(c, RECORD_BLOCK_SLOTS);
    if (r->flags & TRACE_USABLE) r->usable_difference = cursor_uleb128(c);
}

/* The stream's time behind a record: never back, so a sum beyond 64 bits is taken as equal. */
static inline uint64_t record_time(const struct record *r, uint64_t previous)
{
    return previous + r->time_delta >= previous ? previous + r->time_delta : previous;
}

/* The head of a stack: a reference, or a delta of which `outer_added`, then `added` address codes follow.
 * REFERENCES: the trace's version has them. DEPTH: of the previous stack. A delta that takes off more frames
 * than there are, or makes too deep a stack, and a number beyond all leave the cursor bad; otherwise the new
 * depth is returned, that of a reference excepted. */
static inline size_t record_parse_stack(struct cursor *c, bool references, size_t depth,
                                        struct stack_delta *delta)
{
    uint64_t value = cursor_uleb128(c);

    if (references && !(value & TRACE_DELTA)) {
        *delta = (struct stack_delta){.reference = true, .number = (uint32_t)(value >> 1)};
        if (value >> 1 >= TRACE_REMEMBERED_STACKS) cursor_fail(c);
        return 0;
    }
    if (references) value >>= 1;
    *delta = (struct stack_delta){.dropped = value >> 1, .outer_change = value & 1};
    delta->added = cursor_uleb128(c);
    if (delta->outer_change) {
        uint8_t truncated = cursor_u8(c);
        if (truncated > 1) cursor_fail(c);
        delta->truncated = truncated == 1;
        delta->outer_dropped = cursor_uleb128(c);
        delta->outer_added = cursor_uleb128(c);
    }
    if (delta->dropped > depth || delta->outer_dropped > depth - delta->dropped ||
        delta->added > TRACE_MAX_DEPTH || delta->outer_added > TRACE_MAX_DEPTH ||
        depth - delta->dropped - delta->outer_dropped + delta->outer_added + delta->added > TRACE_MAX_DEPTH) {
        cursor_fail(c);
        return 0;
    }
    return depth - delta->dropped - delta->outer_dropped + delta->outer_added + delta->added;
}

/* Pass over a stack, whatever it is based on. */
static inline void record_skip_stack(struct cursor *c, bool references)
{
    uint64_t value = cursor_uleb128(c), codes;

    if (references && !(value & TRACE_DELTA)) return;
    codes = cursor_uleb128(c);
    if (value & (references ? TRACE_DELTA_OUTER : 1)) {
        uint64_t added;
        cursor_u8(c);
        cursor_uleb128(c);
        added = cursor_uleb128(c);
        codes = codes + added < codes ? UINT64_MAX : codes + added;
    }
    for (; codes > 0 && !c->bad; codes--)
        record_address_code(c, RECORD_FRAME_SLOTS);
}

#endif
