/* Address codes: a cache of recent addresses that writer and reader keep alike, so that an address met again
 * takes one byte. Specified in docs/trace-format.md, "Address codes". */
#ifndef MEMTRACE_HOT_ADDRESS_CACHE_H
#define MEMTRACE_HOT_ADDRESS_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "memtrace/trace_format.h"

struct address_cache {
    uint64_t previous;
};

/* LEB128 of VALUE (DWARF 5, section 7.6) at AT; the byte behind it. At most 10 bytes; up to 3 more are set to
 * zero. How long it gets is not predictable, and a wrong guess costs more than all of the arithmetic. */
static inline uint8_t *encode_uleb128(uint8_t *at, uint64_t value)
{
    if (__builtin_expect(value >> 28 == 0 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, 1)) {
        uint32_t v = (uint32_t)value, further = (v > 0x7f) + (v > 0x3fff) + (v > 0x1fffff);
        uint32_t bytes = (v & 0x7f) | (v << 1 & 0x7f00) | (v << 2 & 0x7f0000) | (v << 3 & 0x7f000000);
        bytes |= 0x80808080u & ((1u << (8 * further)) - 1);
        memcpy(at, &bytes, sizeof(bytes));
        return at + 1 + further;
    }
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

/* The code of ADDRESS at AT; the byte behind it. At most 12 bytes. SLOTS has 1 << BITS places. */
static inline uint8_t *encode_address(uint8_t *at, struct address_cache *cache, uint64_t *slots,
                                      uint64_t address, unsigned shift, unsigned bits)
{
    const uint64_t count = 1u << bits;
    unsigned slot = trace_cache_slot(address, shift, bits);
    uint64_t previous = cache->previous;
    bool found = slots[slot] == address;
    cache->previous = address;
    slots[slot] = address;
    /* Subtract in the unsigned domain: addresses may lie at opposite ends of the range. */
    uint64_t code = trace_zigzag((int64_t)((address >> shift) - (previous >> shift)));
    bool escape = code - 1 >= UINT64_MAX - count || (address & ((1u << shift) - 1)) != 0;
    code = found ? slot : count + code;
    if (__builtin_expect(escape && !found, 0)) {
        at = encode_uleb128(at, count);
        memcpy(at, &address, sizeof(address));
        return at + sizeof(address);
    }
    return encode_uleb128(at, code);
}

#endif
