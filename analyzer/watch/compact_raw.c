#include "watch/compact_raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/memory.h"
#include "watch/trim.h"

bool raw_read(int fd, void *bytes, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, (char *)bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

static void chunk_found(struct raw_chunks *found, const struct trace_chunk *header)
{
    found->chunks = memory_grow(found->chunks, &found->capacity, found->count, sizeof *found->chunks);
    found->chunks[found->count++] = (struct raw_chunk){
        .offset = header->offset,
        .bytes = header->bytes,
        .committed = header->committed,
        .previous = header->previous,
        .kind = header->kind,
        .lane = header->lane,
    };
}

static struct raw_chunk *chunk_at(const struct raw_chunks *found, uint64_t offset)
{
    size_t low = 0, high = found->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (found->chunks[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < found->count && found->chunks[low].offset == offset ? &found->chunks[low] : NULL;
}

static void tell_ready(struct raw_chunks *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct raw_chunk *after = &found->chunks[i];
        struct raw_chunk *before = after->previous != 0 ? chunk_at(found, after->previous) : NULL;
        if (before != NULL && before < after && before->kind == TRACE_CHUNK_LANE &&
            after->kind == before->kind && after->lane == before->lane &&
            before->committed >= TRACE_CHUNK_HEADER_BYTES && before->committed <= before->bytes)
            before->ready = true;
    }
}

void raw_chunks_find(struct raw_chunks *found, int fd, const struct trace_header *header)
{
    uint64_t at = TRACE_HEADER_BYTES, data_end = 0;
    struct trace_chunk chunk;
    found->count = 0;
    while (at < header->next) {
        if (at >= data_end) {
            off_t data = lseek(fd, (off_t)at, SEEK_DATA);
            if (data < 0 && errno == ENXIO) break; /* nothing but a hole is left */
            off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
            if (data > (off_t)at) at = (uint64_t)data & ~(uint64_t)(TRACE_CHUNK_ALIGNMENT - 1);
            data_end = hole > 0 ? (uint64_t)hole : header->next;
        }
        bool begun = raw_read(fd, &chunk, sizeof chunk, at) && chunk.magic == TRACE_CHUNK_MAGIC &&
                     chunk.offset == at && chunk.bytes >= TRACE_CHUNK_ALIGNMENT &&
                     chunk.bytes % TRACE_CHUNK_ALIGNMENT == 0 && chunk.bytes <= header->limit - at;
        if (begun) chunk_found(found, &chunk);
        at += begun ? chunk.bytes : TRACE_CHUNK_ALIGNMENT;
    }
    tell_ready(found);
}

void raw_chunks_free(struct raw_chunks *found)
{
    free(found->chunks);
    *found = (struct raw_chunks){.count = 0};
}

static enum raw_punched punch(int fd, const uint64_t (*ranges)[2], size_t count)
{
    struct stat file;
    if (fstat(fd, &file) != 0) return RAW_NO_HOLES;
    int writable = trim_reopen(fd);
    if (writable < 0) return RAW_NO_HOLES;
    fchmod(writable, file.st_mode & 07777);
    enum raw_punched outcome = RAW_PUNCHED;
    for (size_t i = 0; i < count && outcome == RAW_PUNCHED; i++)
        if (fallocate(writable, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)ranges[i][0],
                      (off_t)ranges[i][1]) != 0)
            outcome = errno == EINTR ? RAW_BUSY : RAW_NO_HOLES;
    close(writable);
    return outcome;
}

enum raw_punched raw_punch(int fd, const uint64_t (*ranges)[2], size_t count)
{
    /* Readers hold a shared lock: they have looked for the compact form before, and would find zeros. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) return RAW_BUSY;
    enum raw_punched outcome = punch(fd, ranges, count);
    flock(fd, LOCK_UN);
    return outcome;
}

bool raw_stop(int fd)
{
    struct stat file;
    if (fstat(fd, &file) != 0 || file.st_size < TRACE_HEADER_BYTES) return false;
    int writable = trim_reopen(fd);
    if (writable < 0) return false;
    fchmod(writable, file.st_mode & 07777);
    struct trace_header *header =
        mmap(NULL, TRACE_INFO_OFFSET, PROT_READ | PROT_WRITE, MAP_SHARED, writable, 0);
    close(writable);
    if (header == MAP_FAILED) return false;
    /* As at a trim: nothing can be claimed beyond the limit. The end of the last chunk is found by looking.
     */
    __atomic_store_n(&header->next, header->limit, __ATOMIC_SEQ_CST);
    munmap(header, TRACE_INFO_OFFSET);
    return true;
}
