/* SHA-256 (FIPS 180-4), for the checksum of Bitcoin addresses. */
#ifndef SCANNER_SHA256_H
#define SCANNER_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* The digest of BYTES[0..LENGTH), LENGTH at most 55: one block is all that addresses need. */
void sha256_short(const uint8_t *bytes, size_t length, uint8_t digest[32]);

#endif
