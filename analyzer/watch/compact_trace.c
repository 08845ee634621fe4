#include "watch/compact_trace.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "reader/chunks.h"
#include "watch/compact_writer.h"

/* Chunks are given up when they have been copied: memory does not grow with the trace. */
static bool add_chunk(struct compact_writer *writer, const struct chunk_table *table, uint32_t index)
{
    const struct chunk *chunk = &table->chunks[index];
    chunk_acquire(table, index);
    bool added = compact_writer_add(writer, table->bytes + chunk->offset, chunk->limit);
    chunk_release(table, index);
    return added && (!compact_writer_full(writer) || compact_writer_flush(writer));
}

/* Is every block of the trace as it was written? What is not was reported; it must not be made to look whole.
 */
static bool is_undamaged(const struct chunk_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (!chunk_check(table, (uint32_t)i)) return false;
    return true;
}

int compact_trace_write(struct trace *trace, int fd, int level)
{
    const struct chunk_table *table = trace_chunks(trace);
    struct compact_writer writer;
    if (!is_undamaged(table)) {
        errno = EBADMSG;
        return -1;
    }
    bool good = compact_writer_begin(&writer, fd, level, trace_header(trace)->run_id, trace_front(trace));
    for (uint32_t i = 0; i < table->count && good; i++)
        good = add_chunk(&writer, table, i);
    writer.cut = trace_is_cut(trace);
    good = good && compact_writer_end(&writer, trace_front(trace));
    int reason = writer.error;
    compact_writer_free(&writer);
    errno = reason;
    return good ? 0 : -1;
}

static bool write_at(int fd, const void *bytes, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t written = pwrite(fd, (const char *)bytes + done, size - done, (off_t)(offset + done));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        done += (size_t)written;
    }
    return true;
}

int compact_trace_expand(struct trace *trace, int fd)
{
    const struct chunk_table *table = trace_chunks(trace);
    const struct trace_header *header = trace_header(trace);
    uint64_t end = TRACE_HEADER_BYTES;
    if (!is_undamaged(table)) {
        errno = EBADMSG;
        return -1;
    }
    bool good = write_at(fd, trace_front(trace), TRACE_HEADER_BYTES, 0);
    for (uint32_t i = 0; i < table->count && good; i++) {
        const struct chunk *chunk = &table->chunks[i];
        chunk_acquire(table, i);
        good = write_at(fd, table->bytes + chunk->offset, chunk->limit, chunk->offset);
        chunk_release(table, i);
        end = chunk->offset + chunk->bytes;
    }
    /* The header may be of a time when less was claimed. */
    good = good && write_at(fd, &header->next, sizeof header->next, offsetof(struct trace_header, next)) &&
           write_at(fd, &header->limit, sizeof header->limit, offsetof(struct trace_header, limit));
    return good && ftruncate(fd, (off_t)end) == 0 ? 0 : -1;
}

static bool chunks_equal(const struct chunk_table *one, const struct chunk_table *other, uint32_t index)
{
    const struct chunk *left = &one->chunks[index], *right = &other->chunks[index];
    if (left->offset != right->offset || left->end != right->end || left->damaged != right->damaged)
        return false;
    chunk_acquire(one, index);
    chunk_acquire(other, index);
    bool equal = memcmp(one->bytes + left->offset, other->bytes + right->offset, left->end) == 0;
    chunk_release(one, index);
    chunk_release(other, index);
    return equal;
}

bool compact_trace_equal(struct trace *one, struct trace *other)
{
    const struct chunk_table *left = trace_chunks(one), *right = trace_chunks(other);
    if (left->count != right->count ||
        memcmp(trace_header(one)->run_id, trace_header(other)->run_id, 16) != 0)
        return false;
    for (uint32_t i = 0; i < left->count; i++)
        if (!chunks_equal(left, right, i)) return false;
    return true;
}
