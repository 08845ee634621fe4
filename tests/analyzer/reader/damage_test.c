/* A damaged trace never crashes, hangs or exhausts anything: every prefix and every changed byte of a trace
 * with all kinds of records is read to its end by every reducer. (`make check-asan` runs this with
 * sanitizers.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include "quiet_stderr.h"
#include "../trace_builder.h"
#include "reader/order.h"
#include "reducers/analysis.h"

/* Every operation, flag and extension once or more, in five chunks of four streams. */
static struct builder all_records(void)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1), two = builder_lane(&b, 2);
    int second = builder_chunk(&b, TRACE_CHUNK_LANE, 1, 1, -1, 0);
    int outside = builder_chunk(&b, TRACE_CHUNK_OUTSIDE, 0, 0, -1, 0);
    int more = builder_chunk(&b, TRACE_CHUNK_LANE, 0, 1, one, 100);
    uint64_t frames[3] = {0x1010, 0x1020, 0x5030};

    builder_header(&b)->clock_kind = TRACE_CLOCK_TSC;
    builder_extension(&b, one, TRACE_THREAD_START, NULL, 6, (uint64_t)1, (uint64_t)7, (uint64_t)1,
                      (uint64_t)0x7000, (uint64_t)0x8000, (uint64_t)0x9000);
    builder_module(&b, one, 1, 1, 0x1000, 0x2000, 0x1000, "ABCD", "/bin/a");
    builder_module(&b, one, 50, 2, 0x1000, 0x3000, 0x800, NULL, "/lib/b");
    builder_extension(&b, one, TRACE_MODULE_GONE, NULL, 3, (uint64_t)40, (uint64_t)1, (uint64_t)0x1000);
    b.chunks[one].ticks = 50;
    builder_mark(&b, one, 51, TRACE_MARK_MAIN, "main");
    builder_begin(&b, one, TRACE_MALLOC | TRACE_STACK | TRACE_USABLE, 52);
    builder_leb(&b, one, 100);
    builder_escape(&b, one, 64, 0x10000);
    builder_leb(&b, one, trace_zigzag(12));
    builder_stack(&b, one, frames, 3);
    builder_u8(&b, one, TRACE_CALLOC); /* the same stack, the usable size by heart, the address by its code */
    builder_leb(&b, one, 100);
    builder_leb(&b, one, trace_zigzag(8) + 64);
    builder_release(&b, one, TRACE_REALLOC_BEGIN, 53, 0x10000);
    builder_allocate(&b, one, TRACE_REALLOC, 54, 0x10100, 300, 0x1010);
    builder_release(&b, one, TRACE_REALLOC_BEGIN, 55, 0x10100);
    builder_realloc_end(&b, one, 56, TRACE_REALLOC_FAILED, 1u << 20, 0x1010);
    builder_begin(&b, one, TRACE_ALIGNED | TRACE_STACK, 57);
    builder_u8(&b, one, TRACE_ENTRY_POSIX_MEMALIGN);
    builder_u8(&b, one, 6);
    builder_leb(&b, one, 64);
    builder_escape(&b, one, 64, 0x20000);
    /* an outer change: 1 frame of 1 dropped, 2 put outside, truncated */
    builder_leb(&b, one, 0 << TRACE_DELTA_SHIFT | TRACE_DELTA_OUTER | TRACE_DELTA);
    builder_leb(&b, one, 0);
    builder_u8(&b, one, 1);
    builder_leb(&b, one, 1);
    builder_leb(&b, one, 2);
    builder_escape(&b, one, 128, 0x1011);
    builder_escape(&b, one, 128, 0x1012);
    b.chunks[one].depth = 2;
    builder_begin(&b, one, TRACE_FAILED, 58);
    builder_u8(&b, one, TRACE_ENTRY_MALLOC);
    builder_u8(&b, one, 0);
    builder_leb(&b, one, UINT64_MAX);
    builder_allocate(&b, one, TRACE_MALLOC | TRACE_POOL, 59, 0x20000, 16, 0x1010);
    builder_release(&b, one, TRACE_FREE | TRACE_POOL, 60, 0x20000);
    builder_allocate(&b, one, TRACE_REALLOC_NULL, 61, 0x30000, 5000, 0x1010);
    builder_allocate(&b, one, TRACE_REALLOCARRAY_NULL, 62, 0x40000, 50, 0x1010);
    builder_extension(&b, one, TRACE_FORK, NULL, 2, (uint64_t)62, (uint64_t)77);
    builder_extension(&b, one, TRACE_TIME, NULL, 1, (uint64_t)63);
    b.chunks[one].ticks = 63;
    builder_extension(&b, one, 200, "unknown", 0);
    builder_malloc(&b, two, 10, 0x50000, 8, 0x1010);
    builder_mark(&b, two, 70, TRACE_MARK_STOP, "");
    builder_free_block(&b, two, 75, 0x50000);
    builder_free_block(&b, two, 76, 0x60000);
    builder_extension(&b, two, TRACE_THREAD_END, NULL, 3, (uint64_t)2, (uint64_t)8, (uint64_t)77);
    builder_extension(&b, second, TRACE_LANE_ENTRY, NULL, 3, (uint64_t)52, b.chunks[one].offset,
                      (uint64_t)200);
    builder_malloc(&b, second, 55, 0x70000, 8, 0x1010);
    builder_extension(&b, second, TRACE_LANE_ENTRY, NULL, 3, (uint64_t)56, (uint64_t)0, (uint64_t)0);
    builder_free_block(&b, second, 57, 0x70000);
    builder_sample(&b, outside, 30, TRACE_SAMPLE_OUTSIDE, 1 << 20, 2 << 20, 4096);
    builder_free_block(&b, more, 101, 0x30000);
    return b;
}

/* Every reducer over the trace at PATH; the number of records, or -1 where it was refused. */
static int64_t read_all(const char *path)
{
    const char *names[] = {"metrics", "timeline", "sites", "leaks", "sizes", "size_histogram", "threads"};
    struct result *results[7];
    struct trace *trace;
    int64_t events;

    if (trace_open(path, &trace) != 0) return -1;
    assert_int_equal(analysis_run(trace, names, 7, NULL, results), 0);
    events = result_get(results[0], 0, "events").integer;
    for (size_t i = 0; i < 7; i++)
        result_free(results[i]);
    trace_close(trace);
    return events;
}

enum { RECORDS = 31 };

static void reads_all_kinds_of_records(void **state)
{
    struct builder b = all_records();
    char path[64];
    int fd = builder_file(&b, path);

    (void)state;
    assert_int_equal(read_all(path), RECORDS);
    close(fd);
    builder_free(&b);
}

/* Cut at every byte that holds something, and just behind: less is read, never more, and never nothing once
 * the header is there. */
static void every_prefix_is_read(void **state)
{
    struct builder b = all_records();
    char path[64];
    int fd = builder_file(&b, path);
    int kept = quiet_begin();
    int64_t before = RECORDS;

    (void)state;
    for (size_t size = b.size; size-- > 0;) {
        int64_t events;
        if (b.bytes[size] == 0 && (size == 0 || b.bytes[size - 1] == 0) && size % 4096 != 0) continue;
        assert_return_code(ftruncate(fd, (off_t)size), 0);
        events = read_all(path);
        assert_true(size < TRACE_HEADER_BYTES ? events == -1 : events >= 0 && events <= before);
        before = events < 0 ? 0 : events;
    }
    quiet_end(kept);
    close(fd);
    builder_free(&b);
}

static void every_changed_byte_is_survived(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct builder b = all_records();
    char path[64];
    int fd = builder_file(&b, path);
    int kept = quiet_begin();

    (void)state;
    for (size_t at = 0; at < b.size; at++) {
        bool record = b.bytes[at] != 0 || (at > TRACE_HEADER_BYTES && b.bytes[at - 1] != 0);
        bool header = at < sizeof(struct trace_header) || at % TRACE_CHUNK_ALIGNMENT < 64;
        if (!record && !header) continue;
        for (size_t i = 0; i < sizeof(values) + 1; i++) {
            uint8_t value = i < sizeof(values) ? values[i] : b.bytes[at] ^ 0x10;
            assert_int_equal(pwrite(fd, &value, 1, (off_t)at), 1);
            assert_true(read_all(path) <= 10 * RECORDS);
        }
        assert_int_equal(pwrite(fd, b.bytes + at, 1, (off_t)at), 1);
    }
    quiet_end(kept);
    assert_int_equal(read_all(path), RECORDS);
    close(fd);
    builder_free(&b);
}

/* 60,000 runs in a second lane, in the reverse of the order that they are put in: each would decode the lane
 * from its start. The reader gives up on some of them rather than take minutes. */
static void backward_runs_are_not_quadratic(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1);
    uint64_t chunk = b.chunks[one].offset;
    size_t runs = 0;

    (void)state;
    for (uint64_t i = 0; i < 5000; i++)
        builder_free_block(&b, one, 1, i << 4);
    for (int previous = -1; b.count < BUILDER_CHUNKS;) {
        int second = builder_chunk(&b, TRACE_CHUNK_LANE, 1, 1, previous, 0);
        while (b.chunks[second].at < TRACE_CHUNK_ALIGNMENT - 16) {
            builder_extension(&b, second, TRACE_LANE_ENTRY, NULL, 3, (uint64_t)1, chunk,
                              (uint64_t)(TRACE_CHUNK_ALIGNMENT - 1 - runs++ % 65000));
        }
        previous = second;
    }
    {
        char path[64];
        int fd = builder_file(&b, path);
        struct rusage usage;
        assert_true(runs > 60000);
        assert_true(read_all(path) > 5000);
        getrusage(RUSAGE_SELF, &usage);
        assert_true(usage.ru_utime.tv_sec < 120); /* all tests of this file; seconds, where it was hours */
        close(fd);
    }
    builder_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_kinds_of_records),
        cmocka_unit_test(every_prefix_is_read),
        cmocka_unit_test(every_changed_byte_is_survived),
        cmocka_unit_test(backward_runs_are_not_quadratic),
    };

    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
