/* The chunks of a trace and what must be known of them before the first record is read: where each one's
 * records end, which stream it belongs to, every module record and every second-lane run.
 * For the reader's own use. Source: docs/trace-format.md, "Chunks", "One order". */
#ifndef ANALYZER_READER_CHUNKS_H
#define ANALYZER_READER_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "reader/event.h"

#define CHUNK_NONE UINT32_MAX

/* How much of the time of reading a trace goes into chunks_scan, about: for progress. */
#define CHUNKS_SCAN_SHARE 0.2

struct chunk {
    uint64_t offset; /* in the file */
    uint64_t bytes;  /* of the whole chunk, within the mapped file */
    uint64_t limit;  /* no record reaches beyond, from the chunk's start: `committed` or `bytes` */
    uint64_t end;    /* of the longest valid prefix, from the chunk's start */
    uint64_t previous, ticks, monotonic_ns, thread;
    uint16_t kind, lane;
    uint32_t stream, next; /* the stream's next chunk or CHUNK_NONE */
    bool damaged;          /* what ended the prefix is a record that does not decode */
    /* of the compact form */
    uint32_t block;         /* of the compact file; CHUNK_NONE: the chunk is in the raw file */
    bool scanned;           /* `end` and `damaged` are known, and no record has to be looked at */
    uint32_t users;         /* how many have loaded it */
    uint64_t place, stored; /* where in the block's content, and how much of it */
};

struct chunk_stream {
    uint32_t first, last; /* chunks */
    uint16_t kind, lane;
};

/* A lane entry or thread start in a second-lane stream and what follows, up to the next one. `start`, `end`,
 * `place`: offsets in the file. A run without a place (chunk CHUNK_NONE) is a sequence of its own. */
struct lane_run {
    uint64_t start, end;
    uint32_t stream, chunk; /* where it stands */
    uint32_t place_stream;  /* the first-lane stream that it interrupts, or CHUNK_NONE */
    uint64_t place;         /* it goes in front of the first record there that begins here or behind */
};

struct store;

struct chunk_table {
    const uint8_t *bytes; /* of the file, mapped; or where its chunks appear when they are loaded */
    struct store *store;  /* NULL: the raw form, mapped */
    struct chunk *chunks; /* in ascending order of their offsets */
    size_t count, capacity;
    struct chunk_stream *streams;
    size_t stream_count, stream_capacity;
    struct lane_run *runs; /* by place_stream, place, start; those without a place last */
    size_t run_count, run_capacity;
    struct module_record *modules; /* by ticks; what they point to lies in texts */
    size_t module_count, module_capacity;
    struct arena *texts;
    uint64_t record_bytes;
    uint64_t damaged_chunks;
    bool cut;        /* the last chunk reaches beyond the file */
    bool references; /* stacks may be references: the trace's version has them. Set before chunks_scan */
};

/* Find the chunks of the raw file FD, of SIZE bytes up to NEXT, as its header says. BYTES: where the file
 * is mapped, or NULL: it is read. FD is asked where its holes are, so that a file of many GiB of nothing is
 * read in no time. Quick: touches no record. */
void chunks_find(struct chunk_table *table, int fd, const uint8_t *bytes, uint64_t size, uint64_t next);
struct compact_file;
/* The same for COMPACT and, where the trace is in both forms, the raw file FD (else -1). A chunk that is
 * in both is taken from COMPACT: its hole may be half made. table->bytes and store are set afterwards. */
void chunks_find_compact(struct chunk_table *table, const struct compact_file *compact, int fd, uint64_t size,
                         uint64_t next);
/* Go through all records once: fills in `end`, runs and modules. */
void chunks_scan(struct chunk_table *table);
void chunks_free(struct chunk_table *table);

/* What is known of a chunk's records when they have been gone through once. */
struct chunk_examined {
    uint64_t end;          /* as in struct chunk */
    bool damaged, notable; /* notable: modules or second-lane runs are among them */
};
/* Go through the records of the chunk in BYTES[0..SIZE), header included, SIZE at least that. REFERENCES: as
 * in struct chunk_table. */
void chunk_examine(const uint8_t *bytes, uint64_t size, bool references, struct chunk_examined *examined);

/* Before a chunk's bytes are read, and when they have been: the analyzer's memory does not grow with the
 * trace. */
void chunk_acquire(const struct chunk_table *table, uint32_t chunk);
void chunk_release(const struct chunk_table *table, uint32_t chunk);

/* Are CHUNK's bytes as they were written, as far as can be known? Reported once where not. */
bool chunk_check(const struct chunk_table *table, uint32_t chunk);

struct trace;
/* TRACE's chunks, scanned. */
const struct chunk_table *trace_chunks(struct trace *trace);

#endif
