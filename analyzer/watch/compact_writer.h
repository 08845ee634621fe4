/* A compact trace, written from its start to its end: header, front, blocks of chunks, table. Nothing is
 * written twice, so that it may go to a pipe, and what is written is readable at every moment.
 * Source: docs/trace-format.md, "The compact form". */
#ifndef ANALYZER_WATCH_COMPACT_WRITER_H
#define ANALYZER_WATCH_COMPACT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "reader/block_codec.h"

struct compact_writer {
    int fd;      /* borrowed; written to from where it stands */
    uint64_t at; /* bytes written */
    int level;
    size_t block_bytes; /* a block is full when it has so much content; set by compact_writer_begin, may be
                           lowered */
    bool cut;           /* to be set before the end: the raw file is shorter than what was claimed in it */
    int error;          /* errno of what failed; 0: nothing did */
    /* private */
    struct block_codec *codec;
    uint32_t trace_version;
    uint8_t *table; /* its content so far */
    size_t table_bytes, table_capacity;
    uint8_t *content; /* of the block that is being filled */
    size_t content_bytes, content_capacity;
    struct compact_entry *entries;
    struct columns_chunk *chunks; /* the same, as the codec wants them */
    size_t entry_count, entry_capacity;
    bool front_known;
    uint32_t front_crc; /* of the last front written */
};

/* A function that fails has set `error` and returns false, as every later one will; what was written up to
 * `at` stays good. */

/* Begin a file with the trace's RUN_ID (16 bytes) and FRONT (TRACE_HEADER_BYTES). */
bool compact_writer_begin(struct compact_writer *writer, int fd, int level, const uint8_t *run_id,
                          const uint8_t *front);
/* Add the chunk that begins at BYTES, of which SIZE bytes are there, its header included. It is in the file
 * when the next compact_writer_flush has returned true: small chunks share a block. */
bool compact_writer_add(struct compact_writer *writer, const uint8_t *bytes, uint64_t size);
/* Write what was added as one block. */
bool compact_writer_flush(struct compact_writer *writer);
/* Is so much added that a block is full? */
bool compact_writer_full(const struct compact_writer *writer);
/* Flush, the front as it is now, the table. */
bool compact_writer_end(struct compact_writer *writer, const uint8_t *front);
void compact_writer_free(struct compact_writer *writer);

#endif
