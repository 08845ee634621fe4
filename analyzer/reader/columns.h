/* A block's content taken apart, so that like comes to like: operations, times, sizes, stacks, addresses each
 * in a column of its own, addresses as choices of a model of the heap. What a general compressor makes of
 * that is many times smaller. For block_codec.c. Source: docs/trace-format.md, "Columns". */
#ifndef ANALYZER_READER_COLUMNS_H
#define ANALYZER_READER_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A chunk within a block's content. */
struct columns_chunk {
    uint64_t stored, end; /* as in struct compact_entry */
};

/* What a block's content is. */
struct columns_shape {
    const struct columns_chunk *chunks; /* one behind the other */
    size_t count;
    bool references; /* stacks may be references: the trace's version has them */
};

struct columns;
struct columns *columns_new(void);
void columns_free(struct columns *columns);

/* Take CONTENT of SHAPE apart. Returns the columns, *SIZE bytes, valid
 * until the next call; NULL: records that the rules do not cover. Records that are not coded as recorders do
 * it (a longer LEB than need be) come back changed: the caller compares. */
const uint8_t *columns_split(struct columns *columns, const uint8_t *content,
                             const struct columns_shape *shape, size_t *size);

/* Put CONTENT, as long as the chunks' stored bytes together, together again. False: BYTES[0..SIZE) are no
 * columns of such chunks. */
bool columns_join(struct columns *columns, const uint8_t *bytes, size_t size,
                  const struct columns_shape *shape, uint8_t *content);

#endif
