#include "reader/compact_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "reader/crc32.h"
#include "util/memory.h"
#include "util/report_error.h"

bool compact_file_is(const uint8_t *bytes, size_t size)
{
    return size >= 8 && memcmp(bytes, COMPACT_MAGIC, 8) == 0;
}

/* All of BYTES[0..SIZE) from OFFSET on. */
static bool file_read(const struct compact_file *file, void *bytes, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(file->fd, (char *)bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

static uint64_t padded(uint64_t bytes)
{
    return (bytes + COMPACT_ALIGNMENT - 1) / COMPACT_ALIGNMENT * COMPACT_ALIGNMENT;
}

/* --- one block -------------------------------------------------------------------------------------- */

/* Is a block's header at OFFSET, and is the block within the file? */
static bool block_header_read(const struct compact_file *file, uint64_t offset, struct compact_block *block)
{
    return offset <= file->size && file->size - offset >= sizeof(*block) &&
           file_read(file, block, sizeof(*block), offset) && block->magic == COMPACT_BLOCK_MAGIC &&
           block->crc == crc32_of(0, block, offsetof(struct compact_block, crc)) && block->offset == offset &&
           block->content_bytes <= COMPACT_CONTENT_LIMIT && block->entries <= COMPACT_ENTRIES_LIMIT &&
           block->payload_bytes >= (uint64_t)block->entries * sizeof(struct compact_entry) &&
           block->payload_bytes <= file->size - offset - sizeof(*block);
}

/* Header and payload of the block at OFFSET, into file->payload. */
static bool block_load(struct compact_file *file, uint64_t offset, struct compact_block *block)
{
    if (!block_header_read(file, offset, block)) return false;
    if (file->payload_capacity < block->payload_bytes) {
        free(file->payload);
        file->payload = memory_new(block->payload_bytes, 1);
        file->payload_capacity = block->payload_bytes;
    }
    return file_read(file, file->payload, block->payload_bytes, offset + sizeof(*block)) &&
           crc32_of(0, file->payload, block->payload_bytes) == block->payload_crc;
}

/* A forged entry must not lead outside of its chunk. */
static bool entry_holds(const struct compact_entry *entry)
{
    struct trace_chunk chunk;

    memcpy(&chunk, entry->header, sizeof(entry->header));
    return chunk.magic == TRACE_CHUNK_MAGIC && chunk.offset % TRACE_CHUNK_ALIGNMENT == 0 &&
           chunk.offset >= TRACE_HEADER_BYTES && chunk.bytes >= TRACE_CHUNK_ALIGNMENT &&
           chunk.bytes % TRACE_CHUNK_ALIGNMENT == 0 && chunk.offset <= UINT64_MAX / 4 &&
           chunk.bytes <= UINT64_MAX / 4 && entry->stored_bytes >= TRACE_CHUNK_HEADER_BYTES &&
           entry->stored_bytes <= chunk.bytes && entry->stored_bytes <= COMPACT_CONTENT_LIMIT &&
           entry->end >= TRACE_CHUNK_HEADER_BYTES && entry->end <= entry->stored_bytes;
}

/* The chunks of the block that was loaded, as its own entries have them. False: they do not hold. */
static bool block_chunks(struct compact_file *file, const struct compact_block *block)
{
    uint64_t bytes = 0;

    file->chunks = memory_resize(file->chunks, block->entries + 1, sizeof(*file->chunks));
    for (uint32_t i = 0; i < block->entries; i++) {
        struct compact_entry entry;
        memcpy(&entry, file->payload + i * sizeof(entry), sizeof(entry));
        if (!entry_holds(&entry)) return false;
        file->chunks[i] = (struct columns_chunk){.stored = entry.stored_bytes, .end = entry.end};
        bytes += entry.stored_bytes;
    }
    return block->entries == 0 || bytes == block->content_bytes;
}

/* Decode the content of the block that was loaded. */
static bool block_content(struct compact_file *file, const struct compact_block *block, uint8_t *bytes)
{
    size_t entries = block->entries * sizeof(struct compact_entry);
    struct block_content content = {
        .size = block->content_bytes,
        .shape = {.count = block->entries, .references = block->trace_version > TRACE_OLDEST_VERSION},
    };

    if (!block_chunks(file, block)) return false;
    content.shape.chunks = file->chunks;
    return block_decode(file->codec, block->method, file->payload + entries, block->payload_bytes - entries,
                        bytes, &content);
}

static void report_damage(const struct compact_file *file, uint64_t offset, size_t chunks)
{
    report_error("'%s' is damaged at byte %" PRIu64 ": a block with %zu chunk%s cannot be read, all others "
                 "can; fetch the file again from where it was recorded",
                 file->path, offset, chunks, chunks == 1 ? "" : "s");
}

static bool block_is_bad(struct compact_file *file, size_t block)
{
    struct compact_place_found *place = &file->blocks[block];

    if (!place->bad) report_damage(file, place->offset, place->entries);
    place->bad = true;
    return false;
}

bool compact_file_check(struct compact_file *file, size_t block)
{
    struct compact_block header;

    if (file->blocks[block].bad) return false;
    return block_load(file, file->blocks[block].offset, &header) || block_is_bad(file, block);
}

uint64_t compact_file_content_bytes(const struct compact_file *file, size_t block)
{
    const struct compact_place_found *place = &file->blocks[block];
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < place->entries; i++)
        bytes += file->entries[place->first + i].stored_bytes;
    return bytes;
}

bool compact_file_read(struct compact_file *file, size_t block, uint8_t *content, size_t size)
{
    struct compact_block header;

    if (file->blocks[block].bad) return false;
    return (block_load(file, file->blocks[block].offset, &header) && header.content_bytes == size &&
            block_content(file, &header, content)) ||
           block_is_bad(file, block);
}

/* --- finding them ----------------------------------------------------------------------------------- */

/* Take in a block with ENTRIES[0..COUNT), which may lie at any address. False: they do not hold. */
static bool block_add(struct compact_file *file, uint64_t offset, uint16_t kind, const uint8_t *entries,
                      uint32_t count)
{
    struct compact_place_found *place;

    file->blocks = memory_grow(file->blocks, &file->block_capacity, file->block_count, sizeof(*file->blocks));
    place = &file->blocks[file->block_count];
    *place = (struct compact_place_found){
        .offset = offset, .kind = kind, .first = (uint32_t)file->entry_count, .entries = count};
    for (uint32_t i = 0; i < count; i++) {
        struct compact_entry *entry;
        file->entries =
            memory_grow(file->entries, &file->entry_capacity, file->entry_count, sizeof(*file->entries));
        entry = &file->entries[file->entry_count++];
        memcpy(entry, entries + i * sizeof(*entry), sizeof(*entry));
        if (entry_holds(entry)) continue;
        file->entry_count = place->first;
        return false;
    }
    file->block_count++;
    return true;
}

static bool front_take(struct compact_file *file, uint64_t offset)
{
    uint8_t front[TRACE_HEADER_BYTES];
    struct compact_block block;

    if (!block_load(file, offset, &block) || block.kind != COMPACT_FRONT || block.entries != 0 ||
        block.content_bytes != sizeof(front) || !block_content(file, &block, front))
        return false;
    memcpy(file->front, front, sizeof(front));
    file->has_front = true;
    return true;
}

/* What the table's content says. False: it does not hold together. */
static bool table_take(struct compact_file *file, const uint8_t *content, size_t size)
{
    size_t at = 0;

    while (size - at >= sizeof(struct compact_place)) {
        struct compact_place place;
        memcpy(&place, content + at, sizeof(place));
        at += sizeof(place);
        if (place.entries > COMPACT_ENTRIES_LIMIT ||
            place.entries > (size - at) / sizeof(struct compact_entry))
            return false;
        if (place.kind == COMPACT_FRONT) front_take(file, place.offset);
        if (place.kind == COMPACT_CHUNKS &&
            !block_add(file, place.offset, place.kind, content + at, place.entries))
            return false;
        at += place.entries * sizeof(struct compact_entry);
    }
    return at == size && file->has_front;
}

static bool table_find(struct compact_file *file, uint64_t *offset)
{
    struct compact_trailer trailer;

    if (file->size < COMPACT_HEADER_BYTES + sizeof(trailer) ||
        !file_read(file, &trailer, sizeof(trailer), file->size - sizeof(trailer)))
        return false;
    *offset = trailer.table_offset;
    file->flags = trailer.flags;
    return memcmp(trailer.magic, COMPACT_END_MAGIC, 8) == 0 &&
           trailer.crc == crc32_of(0, &trailer, offsetof(struct compact_trailer, crc));
}

static bool table_read(struct compact_file *file)
{
    struct compact_block block;
    uint8_t *content;
    uint64_t offset;
    bool good;

    if (!table_find(file, &offset) || !block_load(file, offset, &block) || block.kind != COMPACT_TABLE)
        return false;
    content = memory_new(block.content_bytes, 1);
    good = block_content(file, &block, content) && table_take(file, content, block.content_bytes);
    free(content);
    if (!good) file->block_count = file->entry_count = 0;
    return good;
}

/* Without a table: block after block, and behind a damaged header on to the next one that holds. */
static void blocks_walk(struct compact_file *file)
{
    uint64_t at = COMPACT_HEADER_BYTES, damage = 0;
    struct compact_block block;

    while (file->size - at >= sizeof(block) && at < file->size) {
        if (!block_header_read(file, at, &block)) {
            if (damage == 0) damage = at;
            at += COMPACT_ALIGNMENT;
            continue;
        }
        if (damage != 0) report_damage(file, damage, 0);
        damage = 0;
        if (!block_load(file, at, &block) || (block.kind == COMPACT_FRONT && !front_take(file, at)) ||
            (block.kind == COMPACT_CHUNKS && !block_add(file, at, block.kind, file->payload, block.entries)))
            report_damage(file, at, block.entries);
        at += sizeof(block) + padded(block.payload_bytes);
    }
}

/* --- the doors -------------------------------------------------------------------------------------- */

static int refuse(const struct compact_file *file, bool quiet, const char *what)
{
    if (!quiet) report_error("'%s' %s", file->path, what);
    return EXIT_TROUBLE;
}

static int header_check(struct compact_file *file, bool quiet)
{
    struct compact_header *h = &file->header;

    if (file->size < sizeof(*h) || !file_read(file, h, sizeof(*h), 0))
        return refuse(file, quiet,
                      "is cut off within its header; was the disk full, or the copy not complete?");
    if (h->byte_order == __builtin_bswap32(TRACE_BYTE_ORDER))
        return refuse(file, quiet,
                      "was recorded on a machine of the other byte order; analyze it on one like that");
    if (h->byte_order == TRACE_BYTE_ORDER && h->version != COMPACT_VERSION)
        return refuse(
            file, quiet,
            "is a compact trace of a version that this memtrace does not read; use the memtrace that "
            "wrote it");
    if (h->crc != crc32_of(0, h, offsetof(struct compact_header, crc)) ||
        h->header_bytes != COMPACT_HEADER_BYTES)
        return refuse(file, quiet, "has a damaged header; fetch the file again from where it was recorded");
    return 0;
}

int compact_file_open(const char *path, int fd, uint64_t size, bool quiet, struct compact_file **out)
{
    struct compact_file *file = memory_new(1, sizeof(*file));

    file->path = memory_text(path, strlen(path));
    file->fd = fd;
    file->size = size;
    file->codec = block_codec_new();
    if (header_check(file, quiet)) {
        compact_file_close(file);
        return EXIT_TROUBLE;
    }
    file->whole = table_read(file);
    if (!file->whole) blocks_walk(file);
    *out = file;
    return 0;
}

void compact_file_close(struct compact_file *file)
{
    if (!file) return;
    block_codec_free(file->codec);
    free(file->payload);
    free(file->chunks);
    free(file->blocks);
    free(file->entries);
    free(file->path);
    free(file);
}
