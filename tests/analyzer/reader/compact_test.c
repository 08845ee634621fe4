/* The compact form: what is coded comes back to the byte, and no damage, by chance or forged, crashes, hangs
 * or exhausts the reader. (`make check-asan` runs this with sanitizers. That the rules are those of the
 * format, the second reader shows: tests/analyzer/commands/compact.t.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include "quiet_stderr.h"
#include "../trace_builder.h"
#include "hot/address_cache.h"
#include "reader/block_codec.h"
#include "reader/compact_format.h"
#include "reader/crc32.h"
#include "reader/order.h"
#include "reducers/analysis.h"
#include "watch/compact_trace.h"

static uint64_t random_state = 88172645463325252u;

static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % limit;
}

/* --- chunks as a recorder codes them -------------------------------------------------------------------- */

struct writer {
    uint8_t *at;
    struct address_cache cache;
    uint64_t slots[1u << TRACE_BLOCK_CACHE_BITS];
    uint64_t live[512];
    size_t live_count;
    size_t depth, remembered;
};

static void write_address(struct writer *w, uint64_t address)
{
    w->at =
        encode_address(w->at, &w->cache, w->slots, address, TRACE_BLOCK_CACHE_SHIFT, TRACE_BLOCK_CACHE_BITS);
}

/* A reference to the only stack that is remembered for certain, or a delta. */
static void write_stack(struct writer *w)
{
    size_t dropped = random_below(w->depth + 1), added = random_below(4);

    if (w->remembered && random_below(2)) {
        w->at = encode_uleb128(w->at, (w->remembered - 1) % TRACE_REMEMBERED_STACKS << 1);
        return;
    }
    w->at = encode_uleb128(w->at, dropped << TRACE_DELTA_SHIFT | TRACE_DELTA);
    w->at = encode_uleb128(w->at, added);
    for (size_t i = 0; i < added; i++)
        w->at = encode_uleb128(w->at, random_below(128));
    w->depth = w->depth - dropped + added;
    w->remembered++;
}

static void write_allocation(struct writer *w)
{
    static const uint8_t operations[] = {TRACE_MALLOC,           TRACE_CALLOC,  TRACE_REALLOC,
                                         TRACE_REALLOCARRAY,     TRACE_ALIGNED, TRACE_REALLOC_NULL,
                                         TRACE_REALLOCARRAY_NULL};
    uint8_t operation = operations[random_below(sizeof(operations))];
    uint8_t flags = (uint8_t)(random_below(8) << 4);
    uint64_t size = random_below(8) ? random_below(300) : random_below(UINT64_MAX);
    uint64_t address = random_below(50) ? 0x10000 + random_below(600) * 16 : random_below(UINT64_MAX);

    *w->at++ = operation | flags;
    if (flags & TRACE_TIMED) w->at = encode_uleb128(w->at, random_below(100000));
    if (operation == TRACE_ALIGNED) {
        *w->at++ = TRACE_ENTRY_MEMALIGN;
        *w->at++ = (uint8_t)random_below(64);
    }
    w->at = encode_uleb128(w->at, size);
    write_address(w, address);
    if (flags & TRACE_USABLE) w->at = encode_uleb128(w->at, random_below(1000));
    if (flags & TRACE_STACK) write_stack(w);
    if (w->live_count < 512) w->live[w->live_count++] = address;
}

static void write_free(struct writer *w)
{
    size_t which = w->live_count ? random_below(w->live_count) : 0;

    *w->at++ = random_below(4) ? TRACE_FREE : TRACE_REALLOC_BEGIN;
    write_address(w, w->live_count ? w->live[which] : 0xdead0);
    if (w->live_count && random_below(20)) w->live[which] = w->live[--w->live_count]; /* else: freed twice */
}

static void write_other(struct writer *w)
{
    switch (random_below(3)) {
    case 0:
        *w->at++ = TRACE_FAILED;
        *w->at++ = TRACE_ENTRY_CALLOC;
        *w->at++ = 0;
        w->at = encode_uleb128(w->at, UINT64_MAX);
        break;
    case 1:
        *w->at++ = TRACE_REALLOC_END;
        *w->at++ = TRACE_REALLOC_FREED;
        w->at = encode_uleb128(w->at, 0);
        break;
    default:
        *w->at++ = TRACE_EXTENSION;
        w->at = encode_uleb128(w->at, TRACE_TIME);
        *w->at++ = 1;
        *w->at++ = 1;
    }
}

/* RECORDS records into a chunk of B. */
static void fill_chunk(struct builder *b, int chunk, unsigned records)
{
    struct writer w = {.at = b->bytes + b->chunks[chunk].offset + b->chunks[chunk].at};

    for (unsigned i = 0; i < records; i++) {
        uint64_t what = random_below(20);
        if (what == 0)
            write_other(&w);
        else if (what < 11)
            write_allocation(&w);
        else
            write_free(&w);
    }
    b->chunks[chunk].at = (uint64_t)(w.at - b->bytes) - b->chunks[chunk].offset;
}

/* Two threads, a second lane and a module. */
static struct builder made_trace(unsigned records)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1), two = builder_lane(&b, 2);
    int more = builder_chunk(&b, TRACE_CHUNK_LANE, 0, 1, one, 100);
    int second = builder_chunk(&b, TRACE_CHUNK_LANE, 1, 1, -1, 0);

    builder_module(&b, one, 1, 1, 0x1000, 0x2000, 0x1000, "ABCD", "/bin/a");
    fill_chunk(&b, one, records);
    fill_chunk(&b, two, records);
    fill_chunk(&b, more, records);
    builder_extension(&b, second, TRACE_LANE_ENTRY, NULL, 3, (uint64_t)52, b.chunks[one].offset,
                      (uint64_t)200);
    fill_chunk(&b, second, records / 4);
    return b;
}

/* --- reading ----------------------------------------------------------------------------------------------
 */

static int64_t read_all(const char *path)
{
    const char *names[] = {"metrics", "sites", "leaks"};
    struct result *results[3];
    struct trace *trace;
    int64_t events;

    if (trace_open(path, &trace) != 0) return -1;
    assert_int_equal(analysis_run(trace, names, 3, NULL, results), 0);
    events = result_get(results[0], 0, "events").integer;
    for (size_t i = 0; i < 3; i++)
        result_free(results[i]);
    trace_close(trace);
    return events;
}

struct file {
    char path[64];
    int fd;
    uint8_t *bytes;
    size_t size;
};

/* The compact form of B, in a file and in memory. */
static struct file compact_file_made(struct builder *b)
{
    struct file file;
    struct trace *trace;
    char raw[64];
    int raw_fd = builder_file(b, raw);

    file.fd = memfd_create("compact", MFD_CLOEXEC);
    snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
    assert_int_equal(trace_open(raw, &trace), 0);
    assert_int_equal(compact_trace_write(trace, file.fd, 3), 0);
    trace_close(trace);
    close(raw_fd);
    file.size = (size_t)lseek(file.fd, 0, SEEK_END);
    file.bytes = malloc(file.size);
    assert_int_equal(pread(file.fd, file.bytes, file.size, 0), file.size);
    return file;
}

static void file_close(struct file *file)
{
    close(file->fd);
    free(file->bytes);
}

static void file_write(const struct file *file, const uint8_t *bytes, size_t size)
{
    assert_return_code(ftruncate(file->fd, (off_t)size), 0);
    assert_int_equal(pwrite(file->fd, bytes, size, 0), size);
}

/* --- the claims --------------------------------------------------------------------------------------------
 */

static void crc_is_the_usual_one(void **state)
{
    (void)state;
    assert_int_equal(crc32_of(0, "123456789", 9), 0xcbf43926u); /* the check value of every catalogue */
    assert_int_equal(crc32_of(crc32_of(0, "1234", 4), "56789", 5), 0xcbf43926u);
    assert_int_equal(crc32_of(0, "", 0), 0);
}

static void random_records_come_back(void **state)
{
    struct block_codec *codec = block_codec_new();

    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct builder b = made_trace(1 + (unsigned)random_below(1500));
        struct columns_chunk chunk = {.stored = b.chunks[0].at + random_below(50), .end = b.chunks[0].at};
        struct block_content content = {
            .size = chunk.stored,
            .shape = {.chunks = &chunk, .count = 1, .references = TRACE_VERSION > TRACE_OLDEST_VERSION}};
        const uint8_t *bytes = b.bytes + b.chunks[0].offset, *coded;
        uint8_t *back = malloc(content.size);
        uint16_t method;
        size_t size;

        coded = block_encode(codec, bytes, &content, 3, &method, &size);
        assert_int_equal(method, COMPACT_COLUMNS);
        assert_true(size < content.size);
        assert_true(block_decode(codec, method, coded, size, back, &content));
        assert_memory_equal(back, bytes, content.size);
        free(back);
        builder_free(&b);
    }
    block_codec_free(codec);
}

/* Columns are trusted as little as any other bytes: behind the checksum and behind Zstandard, too. */
static void changed_columns_are_survived(void **state)
{
    struct builder b = made_trace(800);
    struct columns_chunk chunk = {.stored = b.chunks[0].at, .end = b.chunks[0].at};
    struct columns *columns = columns_new(), *other = columns_new();
    uint8_t *back = malloc(chunk.stored), *changed;
    unsigned refused = 0;
    size_t size;
    struct columns_shape shape = {
        .chunks = &chunk, .count = 1, .references = TRACE_VERSION > TRACE_OLDEST_VERSION};
    const uint8_t *split = columns_split(columns, b.bytes + b.chunks[0].offset, &shape, &size);

    (void)state;
    assert_non_null(split);
    changed = malloc(size);
    for (unsigned round = 0; round < 20000; round++) {
        memcpy(changed, split, size);
        for (uint64_t i = 1 + random_below(3); i > 0; i--)
            changed[random_below(round % 4 ? size : 44)] ^= (uint8_t)(1u << random_below(8));
        refused += !columns_join(other, changed, size - (round % 7 ? 0 : random_below(size)), &shape, back);
    }
    assert_true(refused > 5000);
    assert_true(columns_join(other, split, size, &shape, back));
    assert_memory_equal(back, b.bytes + b.chunks[0].offset, chunk.stored);
    free(changed);
    free(back);
    columns_free(columns);
    columns_free(other);
    builder_free(&b);
}

static void every_prefix_is_read(void **state)
{
    struct builder b = made_trace(60);
    struct file file = compact_file_made(&b);
    int64_t all = read_all(file.path), before = 0;
    int kept = quiet_begin();

    (void)state;
    assert_true(all > 150);
    for (size_t size = 0; size <= file.size; size++) {
        int64_t events;
        file_write(&file, file.bytes, size);
        events = read_all(file.path);
        assert_true(events >= before || events == -1);
        if (events > before) before = events;
    }
    quiet_end(kept);
    assert_int_equal(before, all);
    file_close(&file);
    builder_free(&b);
}

static void every_changed_byte_is_noticed_or_harmless(void **state)
{
    struct builder b = made_trace(60);
    struct file file = compact_file_made(&b);
    int64_t all = read_all(file.path);
    int kept = quiet_begin();
    unsigned unharmed = 0;

    (void)state;
    for (size_t at = 0; at < file.size; at++) {
        int64_t events;
        file.bytes[at] ^= 0x10;
        file_write(&file, file.bytes, file.size);
        events = read_all(file.path);
        assert_true(events <= all);
        unharmed += events == all;
        file.bytes[at] ^= 0x10;
    }
    quiet_end(kept);
    assert_true(unharmed > 200); /* in the table and the trailer: the blocks are found without them */
    file_close(&file);
    builder_free(&b);
}

/* Put the checksums of every block right, as a forger would. */
static void forge(uint8_t *bytes, size_t size, const uint8_t *original)
{
    struct compact_trailer trailer;
    struct compact_block block, forged;

    for (size_t at = COMPACT_HEADER_BYTES; at + sizeof(block) <= size - sizeof(trailer);) {
        memcpy(&block, original + at, sizeof(block)); /* where it really ends */
        memcpy(&forged, bytes + at, sizeof(forged));
        forged.payload_crc = crc32_of(0, bytes + at + sizeof(block), block.payload_bytes);
        forged.crc = crc32_of(0, &forged, offsetof(struct compact_block, crc));
        memcpy(bytes + at, &forged, sizeof(forged));
        at += sizeof(block) + (block.payload_bytes + 15) / 16 * 16;
    }
    memcpy(&trailer, bytes + size - sizeof(trailer), sizeof(trailer));
    trailer.crc = crc32_of(0, &trailer, offsetof(struct compact_trailer, crc));
    memcpy(bytes + size - sizeof(trailer), &trailer, sizeof(trailer));
}

static void forged_files_are_survived(void **state)
{
    struct builder b = made_trace(60);
    struct file file = compact_file_made(&b);
    uint8_t *forged = malloc(file.size);
    int kept = quiet_begin();
    unsigned read = 0;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        memcpy(forged, file.bytes, file.size);
        for (uint64_t i = 1 + random_below(4); i > 0; i--)
            forged[random_below(file.size)] = (uint8_t)random_below(256);
        forge(forged, file.size, file.bytes);
        file_write(&file, forged, file.size);
        read += read_all(file.path) >= 0;
    }
    quiet_end(kept);
    assert_true(read > 1000);
    free(forged);
    file_close(&file);
    builder_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_the_usual_one),
        cmocka_unit_test(random_records_come_back),
        cmocka_unit_test(changed_columns_are_survived),
        cmocka_unit_test(every_prefix_is_read),
        cmocka_unit_test(every_changed_byte_is_noticed_or_harmless),
        cmocka_unit_test(forged_files_are_survived),
    };

    return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}
