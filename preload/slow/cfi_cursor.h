/* Bytes of .eh_frame that are not believed: every read is bounded. Source: LSB Core 5.0, "DWARF Exception
 * Header Encoding"; DWARF 5, section 7.6. */
#ifndef MEMTRACE_SLOW_CFI_CURSOR_H
#define MEMTRACE_SLOW_CFI_CURSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Reads never pass END; a bad read makes the cursor bad for good and empty, and yields 0. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static inline void cursor_fail(struct cursor *c)
{
    c->bad = true;
    c->at = c->end;
}

static inline uint64_t cursor_left(const struct cursor *c)
{
    return (uint64_t)(c->end - c->at);
}

/* SIZE (1, 2, 4 or 8) bytes, least significant first, as the machine has them. */
static inline uint64_t cursor_fixed(struct cursor *c, unsigned size)
{
    uint64_t value = 0;
    if (cursor_left(c) < size) {
        cursor_fail(c);
        return 0;
    }
    memcpy(&value, c->at, size);
    c->at += size;
    return value;
}

static inline int64_t cursor_signed(struct cursor *c, unsigned size)
{
    unsigned unused_bits = 64 - 8 * size;
    return (int64_t)(cursor_fixed(c, size) << unused_bits) >> unused_bits;
}

/* LEB128, DWARF 5, section 7.6. SIGN: the last byte's bit 6 fills the bits above. */
static inline uint64_t cursor_leb128(struct cursor *c, bool sign)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && c->at < c->end;) {
        uint8_t byte = *c->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if (byte & 0x80) continue;
        if (sign && byte & 0x40 && shift < 64) value |= UINT64_MAX << shift;
        return value;
    }
    cursor_fail(c);
    return 0;
}

static inline uint64_t cursor_uleb(struct cursor *c)
{
    return cursor_leb128(c, false);
}

static inline int64_t cursor_sleb(struct cursor *c)
{
    return (int64_t)cursor_leb128(c, true);
}

static inline void cursor_skip(struct cursor *c, uint64_t size)
{
    if (cursor_left(c) < size)
        cursor_fail(c);
    else
        c->at += size;
}

/* Cut the next SIZE bytes off as a cursor of their own. */
static inline struct cursor cursor_take(struct cursor *c, uint64_t size)
{
    struct cursor part = {.at = c->at, .end = c->at};
    cursor_skip(c, size);
    part.end = c->at;
    if (c->bad) part = (struct cursor){.at = c->end, .end = c->end, .bad = true};
    return part;
}

enum {
    ENCODED_OMITTED = 0xff,
    ENCODED_FORMAT = 0x0f,
    ENCODED_BASE = 0x70,
    ENCODED_FROM_PC = 0x10,
    ENCODED_FROM_DATA = 0x30,
    ENCODED_INDIRECT = 0x80
};

/* A pointer in one of the DW_EH_PE encodings; DATA_BASE is where .eh_frame_hdr is. The encodings that need
 * other bases, or a pointer followed (only personality routines, which are skipped), count as bad. */
static inline uint64_t cursor_encoded(struct cursor *c, unsigned encoding, uint64_t data_base)
{
    uint64_t base = 0, value = 0;
    switch (encoding & ENCODED_BASE) {
    case 0:
        break;
    case ENCODED_FROM_PC:
        base = (uint64_t)c->at;
        break;
    case ENCODED_FROM_DATA:
        base = data_base;
        break;
    default:
        cursor_fail(c);
    }
    switch (encoding & ENCODED_FORMAT) {
    case 0x0: /* absptr */
    case 0x4: /* udata8 */
    case 0xc: /* sdata8 */
        value = cursor_fixed(c, 8);
        break;
    case 0x1:
        value = cursor_uleb(c);
        break;
    case 0x2:
        value = cursor_fixed(c, 2);
        break;
    case 0x3:
        value = cursor_fixed(c, 4);
        break;
    case 0x9:
        value = (uint64_t)cursor_sleb(c);
        break;
    case 0xa:
        value = (uint64_t)cursor_signed(c, 2);
        break;
    case 0xb:
        value = (uint64_t)cursor_signed(c, 4);
        break;
    default:
        cursor_fail(c);
    }
    return value + base;
}

#endif
