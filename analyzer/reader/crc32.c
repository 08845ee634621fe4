#include "reader/crc32.h"

#include <stdbool.h>

#define POLYNOMIAL 0xedb88320u

/* Eight bytes at a time: tables[k][b] is the remainder of byte b with k zero bytes behind it. */
static uint32_t tables[8][256];
static bool tables_made;

static void tables_make(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t rest = byte;
        for (int bit = 0; bit < 8; bit++)
            rest = rest & 1 ? rest >> 1 ^ POLYNOMIAL : rest >> 1;
        tables[0][byte] = rest;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int k = 1; k < 8; k++)
            tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xff];
    __atomic_store_n(&tables_made, true, __ATOMIC_RELEASE);
}

static uint32_t word_at(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint32_t crc32_of(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes, *end = at + size;

    /* Two threads may make them at once: both write the same. */
    if (!__atomic_load_n(&tables_made, __ATOMIC_ACQUIRE)) tables_make();
    crc = ~crc;
    for (; end - at >= 8; at += 8) {
        uint32_t low = word_at(at) ^ crc, high = word_at(at + 4);
        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
              tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
              tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    }
    for (; at < end; at++)
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xff];
    return ~crc;
}
