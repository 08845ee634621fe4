/* A compact trace as a file: its blocks found, checked, decoded. For the reader's own use and for who writes
 * compact traces. Source: docs/trace-format.md, "The compact form". */
#ifndef ANALYZER_READER_COMPACT_FILE_H
#define ANALYZER_READER_COMPACT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "memtrace/trace_format.h"
#include "reader/block_codec.h"
#include "reader/compact_format.h"

struct compact_place_found {
    uint64_t offset; /* of the block in the file */
    uint16_t kind;
    uint32_t first; /* of its entries */
    uint32_t entries;
    bool bad; /* it was looked at, and is damaged: reported */
};

struct compact_file {
    char *path;
    int fd; /* borrowed */
    uint64_t size;
    struct compact_header header;
    struct compact_place_found *blocks; /* in the order of their offsets */
    size_t block_count, block_capacity;
    struct compact_entry *entries; /* of all blocks */
    size_t entry_count, entry_capacity;
    bool whole;     /* it has its table: nothing is missing at its end */
    uint32_t flags; /* enum compact_trailer_flag; if whole */
    bool has_front;
    uint8_t front[TRACE_HEADER_BYTES]; /* if has_front */
    struct block_codec *codec;
    uint8_t *payload; /* of the block loaded last */
    size_t payload_capacity;
    struct columns_chunk *chunks; /* of the block decoded last */
};

/* Do these first bytes begin a compact trace? */
bool compact_file_is(const uint8_t *bytes, size_t size);

/* Find the blocks of the file FD, which stays the caller's, of SIZE bytes: by its table, or, where that is
 * missing or damaged, one after the other. PATH is for messages. 0, or EXIT_TROUBLE: its header does not hold
 * (reported, unless QUIET). A damaged block is reported in one line and left out. */
int compact_file_open(const char *path, int fd, uint64_t size, bool quiet, struct compact_file **out);
void compact_file_close(struct compact_file *file);

/* Is block number BLOCK as it was written? Reported once where not. */
bool compact_file_check(struct compact_file *file, size_t block);
/* The block's content, decoded to CONTENT[0..SIZE), which must be its true size. False: damaged (reported
 * once) or of another size. */
bool compact_file_read(struct compact_file *file, size_t block, uint8_t *content, size_t size);
/* Sum of the stored bytes of the block's entries: the size of its content. */
uint64_t compact_file_content_bytes(const struct compact_file *file, size_t block);
#endif
