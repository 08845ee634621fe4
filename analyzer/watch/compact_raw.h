/* The raw form of a growing trace, seen from outside: which of its chunks are finished, and how their place
 * is given back. */
#ifndef ANALYZER_WATCH_COMPACT_RAW_H
#define ANALYZER_WATCH_COMPACT_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "memtrace/trace_format.h"

struct raw_chunk {
    uint64_t offset, bytes, committed, previous;
    uint16_t kind, lane;
    bool ready; /* sealed, and its stream goes on in another chunk: nobody writes to it any more */
};

struct raw_chunks {
    struct raw_chunk *chunks; /* in the order of their offsets */
    size_t count, capacity;
};

/* Find the chunks that are in the raw file FD, whose holes are passed over, and tell which are ready. A
 * committed length alone does not say it: a signal handler that leaves a seal by longjmp lets the lane go on.
 */
void raw_chunks_find(struct raw_chunks *found, int fd, const struct trace_header *header);
void raw_chunks_free(struct raw_chunks *found);

/* All of BYTES[0..SIZE) from OFFSET of FD. */
bool raw_read(int fd, void *bytes, size_t size, uint64_t offset);

enum raw_punched { RAW_PUNCHED, RAW_BUSY /* somebody reads it: later */, RAW_NO_HOLES };

/* Make holes of RANGES[0..COUNT), pairs of offset and bytes, in FD, which is open for reading. */
enum raw_punched raw_punch(int fd, const uint64_t (*ranges)[2], size_t count);

/* Let no more chunks be claimed in FD: its process records to the end of those that it has, then stops with
 * the reason "limit". */
bool raw_stop(int fd);

#endif
