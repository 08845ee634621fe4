/* How a lane gets file space without holding a descriptor.
 *
 * The header's mapping is shared and stays; mremap with an old size of 0 duplicates a shared mapping, at any
 * length, so `mremap(header, 0, slab_end)` maps the file up to slab_end, and the part before the slab is
 * unmapped again. Once per 16 MiB slab; chunks are pieces of it and are unmapped as a whole when sealed.
 * Room is made by MADV_POPULATE_WRITE, which returns an error where a store would raise SIGBUS. */
#include "slow/chunk.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "hot/clock.h"
#include "process/image.h"
#include "process/sandbox.h"
#include "syscall.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define SLAB_BYTES        (16u << 20)
#define SLABS             4096u /* 64 GiB, the largest cap */
#define POPULATE_BYTES    65536u
#define LARGE_AFTER_BYTES (256u << 10) /* a lane that has filled so much gets large chunks */
#define LARGE_CHUNKS_LIVE 16           /* at most, so that many threads do not hold 2 MiB each */

static _Atomic(uint8_t *) slabs[SLABS]; /* where each slab is mapped in this process; NULL: not yet */
static _Atomic uint32_t large_chunks_live;
static _Atomic uint64_t resident_bytes;

void chunk_reset_all(void)
{
    /* All: threads map slabs in any order, so there may be gaps. Stored to only where needed, to keep pages
     * shared. */
    for (unsigned i = 0; i < SLABS; i++)
        if (atomic_load_explicit(&slabs[i], memory_order_relaxed) != NULL) atomic_store(&slabs[i], NULL);
    atomic_store(&large_chunks_live, 0);
    atomic_store(&resident_bytes, 0);
}

uint64_t chunk_resident_bytes(void)
{
    return atomic_load_explicit(&resident_bytes, memory_order_relaxed) + TRACE_HEADER_BYTES;
}

void recording_stop(unsigned reason, long error)
{
    struct trace_header *header = recorder.header;
    if (header != NULL && header->exit.kind == TRACE_EXIT_NONE) {
        uint32_t none = TRACE_STOP_NONE;
        if (__atomic_compare_exchange_n(&header->stop_reason, &none, reason, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            header->stop_errno = (int32_t)-error;
            header->stop_ticks = clock_ticks();
        }
    }
    atomic_store(&image_page.state, IMAGE_OFF);
}

/* Kernels before 5.14 have no MADV_POPULATE_WRITE: let the kernel store into each page, which returns EFAULT
 * instead of raising a signal. rt_sigprocmask with a NULL set only reports the mask; it writes 8 bytes, at
 * the page's end, which are put back to what they were: zero. */
static long pages_populate_one_by_one(uint8_t *address, size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += recorder_page_size) {
        uint64_t *word = (uint64_t *)(address + offset + recorder_page_size) - 1;
        long result = raw_syscall(SYS_rt_sigprocmask, 0, 0, (long)word, 8, 0, 0);
        if (result < 0) return result;
        *word = 0;
    }
    return 0;
}

long pages_populate(void *address, size_t bytes)
{
    long result = raw_syscall(SYS_madvise, (long)address, (long)bytes, MADV_POPULATE_WRITE, 0, 0, 0);
    if (result == -EINVAL) return pages_populate_one_by_one(address, bytes);
    return result;
}

/* Whether LANE is of this image and it is recorded. Not so for a frame of the recorder that was interrupted
 * by a handler that forked, and goes on in the child: its lane belongs to the parent's image. After every
 * system call that may have been that moment it is asked again, before its result is believed. */
static bool lane_is_ours(const struct lane *lane)
{
    return atomic_load(&image_page.state) == IMAGE_RECORDING && lane->thread == thread_self;
}

/* File space for a chunk of BYTES: its offset, or 0 when the limit is reached. */
static uint64_t chunk_claim(struct trace_header *header, uint64_t bytes)
{
    uint64_t next = __atomic_load_n(&header->next, __ATOMIC_RELAXED);
    for (;;) {
        uint64_t offset = (next + bytes - 1) / bytes * bytes;
        if (offset + bytes > header->limit) return 0;
        if (__atomic_compare_exchange_n(&header->next, &next, offset + bytes, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return offset;
    }
}

static uint64_t slab_end(uint64_t slab_start)
{
    uint64_t end = slab_start + SLAB_BYTES;
    return end < recorder.header->limit ? end : recorder.header->limit;
}

/* What of a slab is mapped begins here: the header has a mapping of its own. */
static uint64_t slab_hole(uint64_t slab_start)
{
    return slab_start == 0 ? TRACE_HEADER_BYTES : 0;
}

/* Map the slab that begins at SLAB_START, from the header or, where RLIMIT_AS forbids the long way, from the
 * lane's own chunk, which is nearer. Its address, or -errno. */
static long slab_map(const struct lane *lane, uint64_t slab_start)
{
    long from = (long)recorder.header;
    uint64_t from_offset = 0, end = slab_end(slab_start);
    long mapped = raw_syscall(SYS_mremap, from, 0, (long)end, MREMAP_MAYMOVE, 0, 0);
    if (mapped < 0 && lane->chunk != NULL && lane->chunk->offset <= slab_start) {
        from_offset = lane->chunk->offset;
        mapped =
            raw_syscall(SYS_mremap, (long)lane->chunk, 0, (long)(end - from_offset), MREMAP_MAYMOVE, 0, 0);
    }
    if (mapped < 0) return mapped;
    uint64_t prefix = slab_start - from_offset + slab_hole(slab_start);
    if (prefix != 0) raw_syscall(SYS_munmap, mapped, (long)prefix, 0, 0, 0, 0);
    return mapped + (long)(slab_start - from_offset);
}

/* Where the chunk at OFFSET is mapped, or NULL with recording stopped. */
static struct trace_chunk *chunk_map(const struct lane *lane, uint64_t offset)
{
    uint64_t slab = offset / SLAB_BYTES;
    atomic_thread_fence(memory_order_seq_cst); /* the claim before the look: chunk_drop_unclaimed */
    uint8_t *base = atomic_load_explicit(&slabs[slab], memory_order_acquire);
    if (base == NULL) {
        long mapped = slab_map(lane, slab * SLAB_BYTES);
        if (!lane_is_ours(lane)) return NULL;
        if (mapped < 0) {
            recording_stop(TRACE_STOP_NO_MEMORY, mapped);
            return NULL;
        }
        uint8_t *other = NULL;
        base = (uint8_t *)mapped;
        if (!atomic_compare_exchange_strong(&slabs[slab], &other, base)) {
            /* Another thread was faster. Unmap exactly what is ours: the rest may belong to anyone by now. */
            uint64_t start = slab * SLAB_BYTES, hole = slab_hole(start);
            raw_syscall(SYS_munmap, mapped + (long)hole, (long)(slab_end(start) - start - hole), 0, 0, 0, 0);
            base = other;
        }
    }
    return (struct trace_chunk *)(base + offset % SLAB_BYTES);
}

/* First nobody finds the mapping any more, then it is seen how much of it was claimed by those who did. */
void chunk_drop_unclaimed(void)
{
    struct trace_header *header = recorder.header;
    uint64_t slab = __atomic_load_n(&header->next, __ATOMIC_RELAXED) / SLAB_BYTES;
    if (slab >= SLABS) return;
    uint8_t *base = atomic_exchange(&slabs[slab], NULL);
    if (base == NULL) return;
    uint64_t start = slab * SLAB_BYTES, end = slab_end(start),
             next = __atomic_load_n(&header->next, __ATOMIC_SEQ_CST);
    if (next < end) raw_syscall(SYS_munmap, (long)(base + (next - start)), (long)(end - next), 0, 0, 0, 0);
}

void lane_reset(struct lane *lane, uint64_t ticks)
{
    lane->previous_ticks = ticks;
    lane->depth = 0;
    lane->truncated = false;
    lane->stacks_written = 0;
    unwind_forget(&lane->unwind);
    lane->blocks.previous = 0;
    lane->returns.previous = 0;
    memset(lane->block_slots, 0, sizeof(lane->block_slots));
    memset(lane->return_slots, 0, sizeof(lane->return_slots));
    memset(lane->usable, 0, sizeof(lane->usable));
}

/* A chunk is sealed by its committed length, then unmapped: as a whole, since small windows moved one by one
 * cost ten times as much where read-ahead makes large folios. */
static void chunk_seal(struct lane *lane)
{
    struct trace_chunk *chunk = lane->chunk;
    uint64_t bytes = lane->chunk_bytes;
    lane->filled_bytes += bytes;
    lane->previous_chunk = lane->chunk_offset;
    __atomic_store_n(&chunk->committed, (uint64_t)(lane->at - (uint8_t *)chunk), __ATOMIC_RELEASE);
    atomic_fetch_sub(&resident_bytes, (uint64_t)(lane->populated_end - (uint8_t *)chunk));
    if (lane->large_chunk) atomic_fetch_sub(&large_chunks_live, 1);
    lane->large_chunk = false;
    /* A handler that leaves by siglongjmp from here on finds a lane without a chunk, not an unmapped one. */
    lane->chunk = NULL;
    lane->at = lane->populated_end = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    raw_syscall(SYS_munmap, (long)chunk, (long)bytes, 0, 0, 0, 0);
}

static uint64_t chunk_choose_bytes(struct lane *lane, bool *large)
{
    *large = false;
    if (lane->filled_bytes < LARGE_AFTER_BYTES) return TRACE_SMALL_CHUNK_BYTES;
    if (atomic_fetch_add(&large_chunks_live, 1) >= LARGE_CHUNKS_LIVE) {
        atomic_fetch_sub(&large_chunks_live, 1);
        return TRACE_SMALL_CHUNK_BYTES;
    }
    *large = true;
    return TRACE_LARGE_CHUNK_BYTES;
}

/* Behind the exit record nothing is missed: other threads may still run, the trace is over. */
static void event_lost(void)
{
    if (recorder.header != NULL && recorder.header->exit.kind == TRACE_EXIT_NONE)
        counter_add(TRACE_COUNTER_EVENTS_LOST);
}

/* What making room for LANE came to: RESULT of pages_populate. False: recording has stopped, or is not ours.
 */
static bool room_was_made(const struct lane *lane, long result)
{
    if (!lane_is_ours(lane)) return false;
    if (result >= 0) return true;
    recording_stop(result == -ENOMEM ? TRACE_STOP_NO_MEMORY : TRACE_STOP_DISK_FULL, result);
    return false;
}

/* A chunk of *BYTES, or of fewer at the file's end, as lane->begun. */
static bool chunk_open(struct lane *lane, uint64_t *bytes, uint64_t *offset)
{
    struct trace_header *header = recorder.header;
    if (!lane_is_ours(lane)) return false;
    *offset = chunk_claim(header, *bytes);
    if (*offset == 0 && *bytes > TRACE_SMALL_CHUNK_BYTES) { /* the last small piece of the file */
        *bytes = TRACE_SMALL_CHUNK_BYTES;
        *offset = chunk_claim(header, *bytes);
    }
    if (!lane_is_ours(lane)) return false;
    if (*offset == 0) {
        counter_add(TRACE_COUNTER_CHUNKS_FAILED);
        recording_stop(TRACE_STOP_LIMIT, 0);
        return false;
    }
    struct trace_chunk *chunk = chunk_map(lane, *offset);
    if (chunk == NULL) return false;
    lane->begun_bytes = *bytes;
    lane->begun = chunk;
    atomic_signal_fence(memory_order_seq_cst);
    /* Who fills large chunks gains by read-ahead: its folios are made many at a time. */
    if (*bytes == TRACE_LARGE_CHUNK_BYTES)
        raw_syscall(SYS_madvise, (long)chunk, TRACE_LARGE_CHUNK_BYTES, MADV_NORMAL, 0, 0, 0);
    return room_was_made(lane, pages_populate(chunk, POPULATE_BYTES));
}

static bool chunk_begin(struct lane *lane)
{
    bool large;
    uint64_t offset, bytes = chunk_choose_bytes(lane, &large);
    if (!chunk_open(lane, &bytes, &offset)) {
        lane->begun = NULL;
        if (large) atomic_fetch_sub(&large_chunks_live, 1);
        return false;
    }
    if (lane->chunk != NULL) chunk_seal(lane);
    struct trace_chunk *chunk = lane->begun;
    chunk->bytes = bytes;
    chunk->kind = TRACE_CHUNK_LANE;
    chunk->lane = (uint16_t)lane->number;
    chunk->offset = offset;
    chunk->thread = lane->thread->serial;
    chunk->tid = lane->thread->tid;
    chunk->previous = lane->previous_chunk;
    chunk->monotonic_ns = slow_monotonic_ns();
    chunk->ticks = clock_ticks();
    lane->large_chunk = large;
    lane->chunk_offset = offset;
    lane->at = (uint8_t *)(chunk + 1);
    lane->populated_end = (uint8_t *)chunk + POPULATE_BYTES;
    atomic_fetch_add(&resident_bytes, POPULATE_BYTES);
    lane_reset(lane, chunk->ticks);
    __atomic_store_n(&chunk->magic, TRACE_CHUNK_MAGIC, __ATOMIC_RELEASE);
    lane->chunk_bytes = bytes;
    atomic_signal_fence(memory_order_seq_cst);
    lane->chunk = chunk; /* last: what interrupts us sees none, or a complete one */
    lane->begun = NULL;
    return true;
}

static bool lane_may_grow(const struct lane *lane)
{
    if (!lane_is_ours(lane)) return false;
    if (likely(!sandbox_forbids(SANDBOX_CHUNKS))) return true;
    recording_stop(TRACE_STOP_SANDBOX, 0);
    return false;
}

/* More of the chunk at hand. */
static bool chunk_grow(struct lane *lane, size_t bytes)
{
    while (lane->chunk != NULL && (size_t)(lane->populated_end - lane->at) < bytes) {
        if (lane->populated_end == (uint8_t *)lane->chunk + lane->chunk_bytes) return false;
        if (!room_was_made(lane, pages_populate(lane->populated_end, POPULATE_BYTES))) return false;
        lane->populated_end += POPULATE_BYTES;
        atomic_fetch_add(&resident_bytes, POPULATE_BYTES);
    }
    return lane->chunk != NULL;
}

bool slow_make_room(struct lane *lane, size_t bytes)
{
    if (lane_may_grow(lane) && (chunk_grow(lane, bytes) || (lane_is_ours(lane) && chunk_begin(lane))))
        return true;
    event_lost();
    return false;
}

static unsigned uleb128_bytes(uint64_t value)
{
    unsigned bytes = 1;
    while (value >>= 7)
        bytes++;
    return bytes;
}

bool extension_write(struct lane *lane, const struct extension *extension)
{
    size_t payload = extension->first_bytes + extension->second_bytes;
    for (unsigned i = 0; i < extension->count; i++)
        payload += uleb128_bytes(extension->fields[i]);
    if (!((size_t)(lane->populated_end - lane->at) >= payload + 16) && !slow_make_room(lane, payload + 16))
        return false;
    uint8_t *start = lane->at, *at = start + 1;
    at = encode_uleb128(at, extension->type);
    at = encode_uleb128(at, payload);
    for (unsigned i = 0; i < extension->count; i++)
        at = encode_uleb128(at, extension->fields[i]);
    memcpy(at, extension->first, extension->first_bytes);
    at += extension->first_bytes;
    memcpy(at, extension->second, extension->second_bytes);
    at += extension->second_bytes;
    if (extension->ticks > lane->previous_ticks) lane->previous_ticks = extension->ticks;
    __atomic_store_n(start, (uint8_t)TRACE_EXTENSION, __ATOMIC_RELEASE);
    lane->at = at;
    return true;
}
