/* Untrusted bytes are read through a cursor and in no other way. `bad` is sticky: a record is decoded
 * straight on and checked once, at its end. Every function reads nothing beyond `end`.
 * The bytes may change while they are read (the program is still writing them): each is fetched once. */
#ifndef ANALYZER_READER_CURSOR_H
#define ANALYZER_READER_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

/* What cannot be read leaves the cursor at its end, so that no loop goes on. */
static inline void cursor_fail(struct cursor *c)
{
    c->bad = true;
    c->at = c->end;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    if (c->at < c->end) return *c->at++;
    cursor_fail(c);
    return 0;
}

/* Eight bytes in the machine's order: other orders are refused with the header. */
static inline uint64_t cursor_u64(struct cursor *c)
{
    uint64_t value;

    if ((size_t)(c->end - c->at) < sizeof(value)) {
        cursor_fail(c);
        return 0;
    }
    memcpy(&value, c->at, sizeof(value));
    c->at += sizeof(value);
    return value;
}

/* COUNT bytes; NULL when there are fewer. */
static inline const uint8_t *cursor_bytes(struct cursor *c, uint64_t count)
{
    const uint8_t *bytes = c->at;

    if (count > (uint64_t)(c->end - c->at)) {
        cursor_fail(c);
        return NULL;
    }
    c->at += count;
    return bytes;
}

/* The rest of an LEB128 whose first byte, FIRST, has been taken and says that more follow. */
static inline uint64_t cursor_uleb128_rest(struct cursor *c, uint8_t first)
{
    uint64_t value = first & 0x7f;

    for (unsigned shift = 7; c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        if (shift == 63 && byte > 1) break; /* more than 64 bits, or an eleventh byte */
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
    cursor_fail(c);
    return 0;
}

/* DWARF 5, section 7.6; at most 10 bytes and 64 bits. One byte is the common case. */
static inline uint64_t cursor_uleb128(struct cursor *c)
{
    uint8_t byte = cursor_u8(c);

    return byte & 0x80 ? cursor_uleb128_rest(c, byte) : byte;
}

#endif
