/* Address codes: what the writer of hot/address_cache.h encodes is decoded, by a decoder that is written here
 * from docs/trace-format.md, to the same addresses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "hot/address_cache.h"

struct decoder {
    uint64_t previous, slots[128];
    unsigned bits, shift;
};

static bool decode_leb(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 70; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1) return false;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

static bool decode(struct decoder *decoder, const uint8_t **at, const uint8_t *end, uint64_t *address)
{
    uint64_t code, count = 1u << decoder->bits;
    if (!decode_leb(at, end, &code)) return false;
    if (code < count) {
        *address = decoder->slots[code];
    } else if (code == count) {
        if (end - *at < 8) return false;
        memcpy(address, *at, 8);
        *at += 8;
    } else {
        uint64_t z = code - count, delta = (z >> 1) ^ (0 - (z & 1));
        *address = ((decoder->previous >> decoder->shift) + delta) << decoder->shift;
    }
    decoder->previous = *address;
    if (code >= count)
        decoder->slots[((*address >> decoder->shift) * 0x9e3779b97f4a7c15u) >> (64 - decoder->bits)] =
            *address;
    return true;
}

static uint64_t random_state = 88172645463325252u;
static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* Addresses as they come: a heap's, again and again, some from anywhere, some at the ends of the range. */
static uint64_t next_address(uint64_t previous)
{
    static const uint64_t special[] = {
        0, 1, 15, 16, ~0ull, ~15ull, 1ull << 63, (1ull << 63) - 16, 0x7fffffffffffull, 8};
    switch (random64() % 8) {
    case 0:
        return special[random64() % (sizeof(special) / sizeof(special[0]))];
    case 1:
        return random64();
    case 2:
        return random64() & ~15ull;
    case 3:
        return previous;
    default:
        return 0x55d000000000ull + (random64() % 300) * 48;
    }
}

static void round_trip(unsigned shift, unsigned bits)
{
    struct address_cache cache = {0};
    uint64_t slots[128] = {0}, address = 0;
    struct decoder decoder = {.bits = bits, .shift = shift};
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[64];
        memset(bytes, 0xee, sizeof(bytes));
        address = next_address(address);
        uint8_t *end = encode_address(bytes, &cache, slots, address, shift, bits);
        assert_in_range(end - bytes, 1, 12);
        for (int behind = 0; behind < 3; behind++) /* set to zero, or not touched */
            assert_true(end[behind] == 0 || end[behind] == 0xee);
        assert_int_equal(end[3], 0xee);
        for (const uint8_t *cut = bytes; cut < end; cut++) { /* no prefix of a code is a code */
            struct decoder copy = decoder;
            const uint8_t *at = bytes;
            uint64_t ignored;
            assert_false(decode(&copy, &at, cut, &ignored));
        }
        const uint8_t *at = bytes;
        uint64_t decoded;
        assert_true(decode(&decoder, &at, end, &decoded));
        assert_ptr_equal(at, end);
        assert_true(decoded == address);
    }
}

static void blocks(void **state)
{
    (void)state;
    round_trip(TRACE_BLOCK_CACHE_SHIFT, TRACE_BLOCK_CACHE_BITS);
}

static void returns(void **state)
{
    (void)state;
    round_trip(TRACE_FRAME_CACHE_SHIFT, TRACE_FRAME_CACHE_BITS);
}

/* What is met again takes one byte, a neighbour two or three. */
static void compact(void **state)
{
    (void)state;
    struct address_cache cache = {0};
    uint64_t slots[64] = {0};
    uint8_t bytes[16];
    encode_address(bytes, &cache, slots, 0x55d000001230, 4, 6);
    assert_int_equal(encode_address(bytes, &cache, slots, 0x55d000001230, 4, 6) - bytes, 1);
    assert_in_range(encode_address(bytes, &cache, slots, 0x55d000001330, 4, 6) - bytes, 1, 2);
    assert_int_equal(encode_address(bytes, &cache, slots, 0x55d000001235, 4, 6) - bytes, 9); /* not aligned */
}

/* An empty slot holds address 0, for the reader as well. */
static void zero(void **state)
{
    (void)state;
    struct address_cache cache = {0};
    uint64_t slots[64] = {0};
    uint8_t bytes[16];
    assert_int_equal(encode_address(bytes, &cache, slots, 0, 4, 6) - bytes, 1);
    assert_int_equal(bytes[0], 0);
}

static void leb(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, 1ull << 63, ~0ull};
    static const unsigned lengths[] = {1, 1, 1, 2, 2, 3, 10, 10};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t bytes[16];
        uint64_t value;
        const uint8_t *at = bytes, *end = encode_uleb128(bytes, values[i]);
        assert_int_equal(end - bytes, lengths[i]);
        assert_true(decode_leb(&at, end, &value));
        assert_true(value == values[i]);
        assert_true(trace_unzigzag(trace_zigzag((int64_t)values[i])) == (int64_t)values[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks), cmocka_unit_test(returns), cmocka_unit_test(compact),
        cmocka_unit_test(zero),   cmocka_unit_test(leb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
