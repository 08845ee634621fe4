#include "reader/block_codec.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include "reader/compact_format.h"
#include "util/memory.h"

struct buffer {
    uint8_t *bytes;
    size_t size;
};

struct block_codec {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    struct columns *columns;
    struct buffer coded, check, split;
};

struct block_codec *block_codec_new(void)
{
    struct block_codec *codec = memory_new(1, sizeof(*codec));

    codec->columns = columns_new();
    return codec;
}

void block_codec_free(struct block_codec *codec)
{
    if (!codec) return;
    ZSTD_freeCCtx(codec->compressor);
    ZSTD_freeDCtx(codec->decompressor);
    free(codec->coded.bytes);
    free(codec->check.bytes);
    free(codec->split.bytes);
    columns_free(codec->columns);
    free(codec);
}

static uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->size < size) {
        free(buffer->bytes);
        buffer->bytes = memory_new(size, 1);
        buffer->size = size;
    }
    return buffer->bytes;
}

static bool decompress(struct block_codec *codec, const uint8_t *coded, size_t coded_size, uint8_t *bytes,
                       size_t size)
{
    if (!codec->decompressor) codec->decompressor = ZSTD_createDCtx();
    if (!codec->decompressor) memory_exhausted("a decompressor");
    return ZSTD_decompressDCtx(codec->decompressor, bytes, size, coded, coded_size) == size;
}

/* The columns are not larger than the records but for a head and, at most, one byte in each. */
#define SPLIT_LIMIT(content) (2 * (uint64_t)(content) + 4096)

static bool decode_columns(struct block_codec *codec, const uint8_t *coded, size_t coded_size, uint8_t *bytes,
                           const struct block_content *content)
{
    unsigned long long size = ZSTD_getFrameContentSize(coded, coded_size);
    uint8_t *split;

    if (size > SPLIT_LIMIT(content->size)) return false; /* unknown and erroneous sizes are the largest */
    split = buffer_reserve(&codec->split, size);
    return decompress(codec, coded, coded_size, split, size) &&
           columns_join(codec->columns, split, size, &content->shape, bytes);
}

bool block_decode(struct block_codec *codec, uint16_t method, const uint8_t *coded, size_t coded_size,
                  uint8_t *bytes, const struct block_content *content)
{
    switch (method) {
    case COMPACT_STORED:
        if (coded_size != content->size) return false;
        memcpy(bytes, coded, coded_size);
        return true;
    case COMPACT_ZSTD:
        return decompress(codec, coded, coded_size, bytes, content->size);
    case COMPACT_COLUMNS:
        return decode_columns(codec, coded, coded_size, bytes, content);
    default:
        return false;
    }
}

/* Compress BYTES[0..SIZE) into codec->coded. 0: it cannot be done. */
static size_t compress(struct block_codec *codec, const uint8_t *bytes, size_t size, int level)
{
    size_t made, bound = ZSTD_compressBound(size);

    if (!codec->compressor) codec->compressor = ZSTD_createCCtx();
    if (!codec->compressor) memory_exhausted("a compressor");
    buffer_reserve(&codec->coded, bound);
    made = ZSTD_compressCCtx(codec->compressor, codec->coded.bytes, bound, bytes, size, level);
    return ZSTD_isError(made) ? 0 : made;
}

/* Does it decode to BYTES again? What is about to be given up for its coded form must. */
static bool is_decodable(struct block_codec *codec, uint16_t method, size_t coded, const uint8_t *bytes,
                         const struct block_content *content)
{
    uint8_t *check = buffer_reserve(&codec->check, content->size);

    return block_decode(codec, method, codec->coded.bytes, coded, check, content) &&
           memcmp(check, bytes, content->size) == 0;
}

const uint8_t *block_encode(struct block_codec *codec, const uint8_t *bytes,
                            const struct block_content *content, int level, uint16_t *method, size_t *coded)
{
    size_t size = 0;
    const uint8_t *split =
        content->shape.count ? columns_split(codec->columns, bytes, &content->shape, &size) : NULL;

    *method = COMPACT_COLUMNS;
    *coded = split ? compress(codec, split, size, level) : 0;
    if (*coded && is_decodable(codec, *method, *coded, bytes, content)) return codec->coded.bytes;
    /* Records that no recorder writes. */
    *method = COMPACT_ZSTD;
    *coded = compress(codec, bytes, content->size, level);
    if (*coded && *coded < content->size && is_decodable(codec, *method, *coded, bytes, content))
        return codec->coded.bytes;
    *method = COMPACT_STORED;
    *coded = content->size;
    return bytes;
}
