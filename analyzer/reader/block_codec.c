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
    struct buffer coded, check;
};

struct block_codec *block_codec_new(void)
{
    return memory_new(1, sizeof(struct block_codec));
}

void block_codec_free(struct block_codec *codec)
{
    if (!codec) return;
    ZSTD_freeCCtx(codec->compressor);
    ZSTD_freeDCtx(codec->decompressor);
    free(codec->coded.bytes);
    free(codec->check.bytes);
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

bool block_decode(struct block_codec *codec, uint16_t method, const uint8_t *coded, size_t coded_size,
                  uint8_t *content, size_t size)
{
    if (method == COMPACT_STORED) {
        if (coded_size != size) return false;
        memcpy(content, coded, size);
        return true;
    }
    if (method != COMPACT_ZSTD) return false;
    if (!codec->decompressor) codec->decompressor = ZSTD_createDCtx();
    if (!codec->decompressor) memory_exhausted("a decompressor");
    return ZSTD_decompressDCtx(codec->decompressor, content, size, coded, coded_size) == size;
}

/* Does it decode to CONTENT again? What is about to be given up for its coded form must. */
static bool is_decodable(struct block_codec *codec, uint16_t method, size_t coded, const uint8_t *content,
                         size_t size)
{
    uint8_t *check = buffer_reserve(&codec->check, size);

    return block_decode(codec, method, codec->coded.bytes, coded, check, size) &&
           memcmp(check, content, size) == 0;
}

const uint8_t *block_encode(struct block_codec *codec, const uint8_t *content, size_t size, int level,
                            uint16_t *method, size_t *coded)
{
    uint8_t *out = buffer_reserve(&codec->coded, ZSTD_compressBound(size));
    size_t made;

    if (!codec->compressor) codec->compressor = ZSTD_createCCtx();
    if (!codec->compressor) memory_exhausted("a compressor");
    made = ZSTD_compressCCtx(codec->compressor, out, codec->coded.size, content, size, level);
    *method = COMPACT_ZSTD;
    *coded = made;
    if (!ZSTD_isError(made) && made < size && is_decodable(codec, COMPACT_ZSTD, made, content, size))
        return out;
    *method = COMPACT_STORED;
    *coded = size;
    return content;
}
