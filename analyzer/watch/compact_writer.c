#include "watch/compact_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "memtrace/trace_format.h"
#include "reader/chunks.h"
#include "reader/compact_format.h"
#include "reader/crc32.h"
#include "util/memory.h"

/* A block is full when it has so much content: enough for most frees to be of blocks that were allocated in
 * it, so little that a reader needs no more memory than it would for the raw form (docs/trace-format.md,
 * "Columns"). */
#define BLOCK_BYTES   ((size_t)4 << 20)
#define BLOCK_ENTRIES 256u

/* --- Bytes --------------------------------------------------------------------------------------- */

/* What fails half-way leaves no half behind where the file can be cut. */
static bool give_up(struct compact_writer *writer, int reason)
{
    struct stat file;
    writer->error = reason;
    if (fstat(writer->fd, &file) == 0 && S_ISREG(file.st_mode) &&
        ftruncate(writer->fd, (off_t)writer->at) == 0)
        lseek(writer->fd, (off_t)writer->at, SEEK_SET);
    return false;
}

static bool write_all(struct compact_writer *writer, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t written = write(writer->fd, (const char *)bytes + done, size - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return give_up(writer, written < 0 ? errno : EIO);
        done += (size_t)written;
    }
    return true;
}

static void append(uint8_t **buffer, size_t *used, size_t *capacity, const void *bytes, size_t size)
{
    if (size == 0) return;
    if (*capacity - *used < size) {
        size_t wanted = (*used + size) + (*used + size) / 2;
        *buffer = memory_resize(*buffer, wanted, 1);
        *capacity = wanted;
    }
    memcpy(*buffer + *used, bytes, size);
    *used += size;
}

/* --- Blocks --------------------------------------------------------------------------------------- */

/* One write for the whole block: a reader that comes in between sees it or does not. */
static bool write_block(struct compact_writer *writer, uint16_t kind, const uint8_t *content, size_t size)
{
    size_t coded, entries = writer->entry_count * sizeof *writer->entries, room = 0, used = 0;
    uint16_t method;
    const struct block_content chunks = {
        .size = size,
        .shape = {.chunks = writer->chunks,
                  .count = writer->entry_count,
                  .references = writer->trace_version > TRACE_OLDEST_VERSION},
    };
    const uint8_t *bytes = block_encode(writer->codec, content, &chunks, writer->level, &method, &coded);
    struct compact_block block = {
        .magic = COMPACT_BLOCK_MAGIC,
        .kind = kind,
        .method = method,
        .content_bytes = size,
        .payload_bytes = entries + coded,
        .offset = writer->at,
        .entries = (uint32_t)writer->entry_count,
        .trace_version = writer->trace_version,
    };
    block.payload_crc = crc32_of(crc32_of(0, writer->entries, entries), bytes, coded);
    block.crc = crc32_of(0, &block, offsetof(struct compact_block, crc));
    static const uint8_t zeros[COMPACT_ALIGNMENT];
    uint8_t *whole = NULL;
    append(&whole, &used, &room, &block, sizeof block);
    append(&whole, &used, &room, writer->entries, entries);
    append(&whole, &used, &room, bytes, coded);
    append(&whole, &used, &room, zeros, (COMPACT_ALIGNMENT - used % COMPACT_ALIGNMENT) % COMPACT_ALIGNMENT);
    bool written = write_all(writer, whole, used);
    free(whole);
    if (!written) return false;
    const struct compact_place place = {.offset = writer->at, .kind = kind, .entries = block.entries};
    append(&writer->table, &writer->table_bytes, &writer->table_capacity, &place, sizeof place);
    append(&writer->table, &writer->table_bytes, &writer->table_capacity, writer->entries, entries);
    writer->at += used;
    writer->entry_count = 0;
    return true;
}

static bool write_front(struct compact_writer *writer, const uint8_t *front)
{
    uint32_t crc = crc32_of(0, front, TRACE_HEADER_BYTES);
    if (writer->front_known && writer->front_crc == crc) return true;
    writer->front_known = true;
    writer->front_crc = crc;
    return write_block(writer, COMPACT_FRONT, front, TRACE_HEADER_BYTES);
}

/* --- Together ------------------------------------------------------------------------------------- */

bool compact_writer_begin(struct compact_writer *writer, int fd, int level, const uint8_t *run_id,
                          const uint8_t *front)
{
    struct compact_header header = {
        .byte_order = TRACE_BYTE_ORDER, .version = COMPACT_VERSION, .header_bytes = COMPACT_HEADER_BYTES};
    *writer = (struct compact_writer){
        .fd = fd, .level = level, .block_bytes = BLOCK_BYTES, .codec = block_codec_new()};
    struct trace_header raw;
    memcpy(&raw, front, sizeof raw);
    writer->trace_version = raw.version;
    memcpy(header.magic, COMPACT_MAGIC, sizeof header.magic);
    memcpy(header.run_id, run_id, sizeof header.run_id);
    header.crc = crc32_of(0, &header, offsetof(struct compact_header, crc));
    if (!write_all(writer, &header, sizeof header)) return false;
    writer->at = sizeof header;
    return write_front(writer, front);
}

static uint64_t without_zeros(const uint8_t *bytes, uint64_t size)
{
    while (size > TRACE_CHUNK_HEADER_BYTES && bytes[size - 1] == 0)
        size--;
    return size;
}

/* What of a chunk has to be stored. Behind the last record nothing is part of the trace (a killed process
 * may have left half a record there), but where it ended at one that does not decode: then everything is
 * kept. */
static struct compact_entry examine(const uint8_t *bytes, uint64_t size, bool references)
{
    struct compact_entry entry = {.end = TRACE_CHUNK_HEADER_BYTES};
    struct trace_chunk header;
    struct chunk_examined examined;
    memcpy(entry.header, bytes, sizeof entry.header);
    memcpy(&header, bytes, sizeof header);
    if (header.committed != 0 && header.committed < size) size = header.committed;
    bool known = header.kind == TRACE_CHUNK_OUTSIDE || (header.kind == TRACE_CHUNK_LANE && header.lane <= 1);
    if (size < TRACE_CHUNK_HEADER_BYTES) size = TRACE_CHUNK_HEADER_BYTES;
    entry.stored_bytes = without_zeros(bytes, size);
    if (!known) return entry;
    chunk_examine(bytes, size, references, &examined);
    entry.end = examined.end;
    entry.flags = (examined.damaged ? COMPACT_DAMAGED : 0) | (examined.notable ? COMPACT_NOTABLE : 0);
    if (!examined.damaged || entry.stored_bytes < entry.end) entry.stored_bytes = entry.end;
    return entry;
}

bool compact_writer_add(struct compact_writer *writer, const uint8_t *bytes, uint64_t size)
{
    if (writer->error != 0) return false;
    struct compact_entry entry = examine(bytes, size, writer->trace_version > TRACE_OLDEST_VERSION);
    if (writer->entry_count > 0 && writer->content_bytes + entry.stored_bytes > 2 * writer->block_bytes &&
        !compact_writer_flush(writer))
        return false;
    if (entry.stored_bytes > COMPACT_CONTENT_LIMIT) return give_up(writer, EFBIG); /* no recorder made it */
    writer->entries =
        memory_grow(writer->entries, &writer->entry_capacity, writer->entry_count, sizeof entry);
    writer->chunks = memory_resize(writer->chunks, writer->entry_capacity, sizeof *writer->chunks);
    writer->chunks[writer->entry_count] =
        (struct columns_chunk){.stored = entry.stored_bytes, .end = entry.end};
    writer->entries[writer->entry_count++] = entry;
    append(&writer->content, &writer->content_bytes, &writer->content_capacity, bytes, entry.stored_bytes);
    return true;
}

bool compact_writer_full(const struct compact_writer *writer)
{
    return writer->content_bytes >= writer->block_bytes || writer->entry_count >= BLOCK_ENTRIES;
}

bool compact_writer_flush(struct compact_writer *writer)
{
    if (writer->error != 0) return false;
    if (writer->entry_count == 0) return true;
    bool written = write_block(writer, COMPACT_CHUNKS, writer->content, writer->content_bytes);
    writer->content_bytes = 0;
    writer->entry_count = 0;
    return written;
}

bool compact_writer_end(struct compact_writer *writer, const uint8_t *front)
{
    struct compact_trailer trailer = {0};
    if (!compact_writer_flush(writer) || !write_front(writer, front)) return false;
    trailer.table_offset = writer->at;
    trailer.flags = writer->cut ? COMPACT_CUT : 0;
    trailer.crc = crc32_of(0, &trailer, offsetof(struct compact_trailer, crc));
    memcpy(trailer.magic, COMPACT_END_MAGIC, sizeof trailer.magic);
    /* A copy: the table's own place is appended to it. */
    size_t size = writer->table_bytes;
    uint8_t *content = memory_new(size, 1);
    memcpy(content, writer->table, size);
    bool written = write_block(writer, COMPACT_TABLE, content, size);
    free(content);
    written = written && write_all(writer, &trailer, sizeof trailer);
    if (written) writer->at += sizeof trailer;
    return written;
}

void compact_writer_free(struct compact_writer *writer)
{
    block_codec_free(writer->codec);
    free(writer->table);
    free(writer->content);
    free(writer->entries);
    free(writer->chunks);
    *writer = (struct compact_writer){.fd = -1};
}
