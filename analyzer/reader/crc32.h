/* CRC-32 as in ISO 3309, PNG and zlib (polynomial 0xedb88320, reflected, inverted at both ends): every
 * language's library has it, so that a reader of compact traces is easily written. */
#ifndef ANALYZER_READER_CRC32_H
#define ANALYZER_READER_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Of BYTES[0..SIZE), going on from CRC, which is 0 at the start. About 2 GB/s. */
uint32_t crc32_of(uint32_t crc, const void *bytes, size_t size);

#endif
