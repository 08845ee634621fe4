/* The content of a block of the compact form, coded and decoded. For the reader's own use and for who writes
 * compact traces. Source: docs/trace-format.md, "The compact form". */
#ifndef ANALYZER_READER_BLOCK_CODEC_H
#define ANALYZER_READER_BLOCK_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "reader/columns.h"

/* What is kept from block to block: contexts and buffers. Not for two threads at once. */
struct block_codec;
struct block_codec *block_codec_new(void);
void block_codec_free(struct block_codec *codec);

/* Zstandard's levels, without the fast ones below 1. */
#define BLOCK_LEVEL_MIN     1
#define BLOCK_LEVEL_MAX     22
#define BLOCK_LEVEL_DEFAULT 6

/* A block's content: BYTES[0..SIZE), which are chunks; without a chunk: something else. */
struct block_content {
    size_t size;
    struct columns_shape shape;
};

/* Code BYTES, at most COMPACT_CONTENT_LIMIT bytes, at LEVEL. *METHOD: how it was done (enum
 * compact_method). Returns the coded bytes, *CODED of them, valid until the next call. Decoded they have been
 * compared with BYTES: what is coded can be read again. */
const uint8_t *block_encode(struct block_codec *codec, const uint8_t *bytes,
                            const struct block_content *content, int level, uint16_t *method, size_t *coded);

/* Decode CODED[0..CODED_SIZE) to exactly CONTENT->size bytes at BYTES. False: they are not what METHOD makes
 * of such content; BYTES are undefined then. */
bool block_decode(struct block_codec *codec, uint16_t method, const uint8_t *coded, size_t coded_size,
                  uint8_t *bytes, const struct block_content *content);

#endif
