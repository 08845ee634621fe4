/* Where the bytes of chunks come from when the file cannot simply be mapped: blocks of a compact file,
 * decoded when they are needed, and, while a trace is in both forms, the rest of the raw file. The chunks
 * appear at their offsets of a reserved range of addresses, so that the rest of the reader sees no
 * difference; only those in use take memory. For the reader's own use. */
#ifndef ANALYZER_READER_STORE_H
#define ANALYZER_READER_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "reader/chunks.h"
#include "reader/compact_file.h"

struct store;

/* Reserve SIZE bytes of addresses for chunks of COMPACT and of the file RAW_FD (-1: none), both borrowed.
 * NULL: there are not so many (errno). */
struct store *store_new(struct compact_file *compact, int raw_fd, uint64_t size);
void store_free(struct store *store);
const uint8_t *store_bytes(const struct store *store);

/* Make CHUNK's bytes readable at its offset: those up to its limit, zeros behind. Those of a damaged
 * block are all zero. */
void store_load(struct store *store, const struct chunk *chunk);
void store_release(struct store *store, const struct chunk *chunk);

/* Is the block that CHUNK stands in as it was written? Reported once where not. */
bool store_check(struct store *store, const struct chunk *chunk);

#endif
