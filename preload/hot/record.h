/* Encode one event into a lane and commit it. Callers are inside recorder_enter .. recorder_leave.
 * Bounded: no loop but over the frames of the stack. Source: docs/trace-format.md, "Records". */
#ifndef MEMTRACE_HOT_RECORD_H
#define MEMTRACE_HOT_RECORD_H

#include "hot/thread.h"

/* Which allocation function was called, in one register: a struct of three bytes would be stored byte by byte
 * and loaded as a word, which no processor forwards. OPERATION: enum trace_operation for success, POOL flag
 * included. NUMBER: enum trace_entry, written with ALIGNED and FAILED. LOG2_ALIGNMENT: 0, none asked for. */
static inline uint32_t entry_point(unsigned operation, unsigned number, unsigned log2_alignment)
{
    return operation | number << 8 | log2_alignment << 16;
}

/* An allocation of SIZE bytes with the stack that begins at FROM. ENTRY: of entry_point. BLOCK: NULL, the
 * call failed. */
void record_allocation(struct lane *lane, uint32_t entry, size_t size, void *block,
                       const struct unwind_registers *from);

/* A free (operation TRACE_FREE, POOL flag or not) or TRACE_REALLOC_BEGIN of BLOCK, before it is done. */
void record_free(struct lane *lane, unsigned operation, void *block);

/* A realloc that made no block. OUTCOME: enum trace_realloc_outcome. */
void record_realloc_end(struct lane *lane, unsigned outcome, size_t size,
                        const struct unwind_registers *from);

/* The first byte of a record, with which it becomes part of the trace: release, so that a reader of the
 * mapping never sees it without the rest. AT: the record's start; END: the byte behind it. */
static inline void record_commit(struct lane *lane, uint8_t *at, unsigned first_byte, uint8_t *end)
{
    atomic_store_explicit((_Atomic uint8_t *)at, (uint8_t)first_byte, memory_order_release);
    lane->at = end;
}

/* Whether BYTES can be stored at lane->at. */
static inline bool lane_has_room(const struct lane *lane, size_t bytes)
{
    return (size_t)(lane->populated_end - lane->at) >= bytes;
}

/* The same; else room is made (a new chunk resets the encoder). False: none
 * can be had, recording has stopped. */
static inline bool record_room(struct lane *lane, size_t bytes)
{
    if (likely(lane_has_room(lane, bytes))) return true;
    return slow_make_room(lane, bytes);
}

#endif
