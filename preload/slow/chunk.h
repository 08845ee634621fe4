/* Chunks: claim, map, populate, seal; extension records; stopping with a reason. */
#ifndef MEMTRACE_SLOW_CHUNK_H
#define MEMTRACE_SLOW_CHUNK_H

#include "hot/thread.h"

/* Forget every mapping and count: the first thing a fork child does, whose mappings are gone. */
void chunk_reset_all(void);

/* Unmap what of the file is mapped and not claimed by a chunk yet. The next chunk maps it again. */
void chunk_drop_unclaimed(void);

/* Empty the encoder of LANE as a reader does at a chunk's start; previous time = TICKS. */
void lane_reset(struct lane *lane, uint64_t ticks);

/* Make BYTES at ADDRESS (both multiples of the page size) writable without a fault: 0, or -errno where a
 * store would have raised SIGBUS (no space on the disk) or SIGSEGV. */
long pages_populate(void *address, size_t bytes);

/* End recording for this process image, for REASON (enum trace_stop_reason); only the first one counts, and
 * none after the exit record. ERROR: -errno of the call that failed, or 0. */
void recording_stop(unsigned reason, long error);

/* Bytes of trace pages that are mapped and populated: the recorder's share of RSS. */
uint64_t chunk_resident_bytes(void);

/* Commit one extension record: FIELDS[0..COUNT) as LEB128, then two runs of bytes (either may be empty).
 * TICKS becomes the lane's previous time. False: no room could be made. */
struct extension {
    unsigned type; /* enum trace_extension */
    uint64_t ticks;
    const uint64_t *fields;
    unsigned count; /* at most 12 */
    const void *first, *second;
    size_t first_bytes, second_bytes; /* together at most 8 KiB */
};
bool extension_write(struct lane *lane, const struct extension *extension);

#endif
