/* The results of small traces whose figures are worked out by hand. Times are ns, the start is 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "../trace_builder.h"
#include "reducers/analysis.h"

static struct result *analyze_rows(struct builder *b, const char *name, size_t timeline_rows)
{
    const struct analysis_options options = {.timeline_rows = timeline_rows};
    struct result *result;
    struct trace *trace;
    char path[64];
    int fd = builder_file(b, path);

    assert_int_equal(trace_open(path, &trace), 0);
    assert_int_equal(analysis_run(trace, &name, 1, &options, &result), 0);
    trace_close(trace);
    close(fd);
    builder_free(b);
    return result;
}

static struct result *analyze(struct builder *b, const char *name)
{
    return analyze_rows(b, name, 0);
}

static int64_t integer(const struct result *result, size_t row, const char *column)
{
    struct result_value value = result_get(result, row, column);

    assert_true(result_column_index(result, column) >= 0);
    assert_false(value.is_null);
    return value.integer;
}

static void assert_no_value(const struct result *result, size_t row, const char *column)
{
    assert_true(result_column_index(result, column) >= 0);
    assert_true(result_get(result, row, column).is_null);
}

static void assert_text(const struct result *result, size_t row, const char *column, const char *expected)
{
    assert_string_equal(result_get(result, row, column).text, expected);
}

/* --- metrics ---------------------------------------------------------------------------------------- */

static void metrics_of_a_heap(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1), other = builder_lane(&b, 5);
    struct trace_header *h = builder_header(&b);
    struct result *r;

    (void)state;
    h->pid = 1234567;
    h->counters[TRACE_COUNTER_EVENTS_LOST] = 3;
    h->exit.kind = TRACE_EXIT_EXIT;
    h->exit.code = 0x107; /* as passed: a shell sees 7 */
    h->exit.ticks = 100;
    builder_malloc(&b, lane, 10, 0x1000, 100, 0x10);
    builder_mark(&b, lane, 20, TRACE_MARK_MAIN, "main");
    builder_malloc(&b, lane, 40, 0x2000, 300, 0x20);
    builder_free_block(&b, other, 50, 0x2000);
    builder_allocate(&b, lane, TRACE_MALLOC | TRACE_POOL, 60, 0x1000, 8, 0x20);
    r = analyze(&b, "metrics");
    assert_true(r->single_row);
    assert_int_equal(r->row_count, 1);
    assert_int_equal(integer(r, 0, "allocations"), 2);
    assert_int_equal(integer(r, 0, "frees"), 1);
    assert_int_equal(integer(r, 0, "allocated_bytes"), 400);
    assert_int_equal(integer(r, 0, "peak_live_bytes"), 400);
    assert_int_equal(integer(r, 0, "peak_live_blocks"), 2);
    assert_int_equal(integer(r, 0, "peak_at_ns"), 40);
    assert_int_equal(integer(r, 0, "live_bytes_at_end"), 100);
    assert_int_equal(integer(r, 0, "leaked_allocations"), 1);
    assert_int_equal(integer(r, 0, "leaked_bytes"), 100);
    assert_text(r, 0, "leaked_is", "outstanding");
    assert_int_equal(integer(r, 0, "temporary_allocations"), 1);
    assert_int_equal(integer(r, 0, "duration_ns"), 100);
    assert_int_equal(integer(r, 0, "threads"), 2);
    assert_int_equal(integer(r, 0, "distinct_stacks"), 2);
    assert_int_equal(integer(r, 0, "events"), 5);
    assert_int_equal(integer(r, 0, "events_lost"), 3);
    assert_true(result_get(r, 0, "complete").boolean);
    assert_no_value(r, 0, "stopped_because");
    assert_text(r, 0, "exit_kind", "exit");
    assert_int_equal(integer(r, 0, "exit_code"), 7);
    assert_int_equal(integer(r, 0, "pid"), 1234567);
    assert_text(r, 0, "baseline_is", "main");
    assert_int_equal(integer(r, 0, "baseline_live_bytes"), 100);
    assert_int_equal(integer(r, 0, "growth_live_bytes"), 300);
    assert_true(result_get(r, 0, "growth_live_percent").real == 300.0);
    assert_int_equal(integer(r, 0, "pool_allocations"), 1);
    assert_int_equal(integer(r, 0, "pool_live_bytes_at_end"), 8);
    /* 0 for 10 ns, 100 for 30, 400 for 10, 100 for 50 */
    assert_true(result_get(r, 0, "live_mean_bytes").real == 120.0);
    assert_int_equal(integer(r, 0, "live_p50_bytes"), 100);
    assert_int_equal(integer(r, 0, "live_p95_bytes"), 400);
    assert_text(r, 0, "rss_is", "none");
    assert_no_value(r, 0, "rss_mean_bytes");
    assert_no_value(r, 0, "peak_rss_bytes");
    assert_no_value(r, 0, "baseline_rss_bytes");
    result_free(r);
}

/* A process of a pid that nobody has, without an exit record: killed, or still to come. */
static void metrics_of_nothing(void **state)
{
    struct builder b = builder_new();
    struct result *r;

    (void)state;
    builder_header(&b)->stop_reason = TRACE_STOP_DISK_FULL;
    r = analyze(&b, "metrics");
    assert_int_equal(integer(r, 0, "events"), 0);
    assert_int_equal(integer(r, 0, "duration_ns"), 0);
    assert_int_equal(integer(r, 0, "peak_at_ns"), 0);
    assert_false(result_get(r, 0, "complete").boolean);
    assert_text(r, 0, "stopped_because", "disk_full");
    assert_text(r, 0, "exit_kind", "unknown");
    assert_no_value(r, 0, "exit_code");
    assert_text(r, 0, "baseline_is", "start");
    assert_no_value(r, 0, "growth_live_percent"); /* of a baseline of zero */
    assert_no_value(r, 0, "live_slope_bytes_per_hour");
    result_free(r);
}

static void the_programs_own_baseline_wins(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct result *r;

    (void)state;
    builder_malloc(&b, lane, 1, 0x1000, 10, 0x10);
    builder_mark(&b, lane, 2, TRACE_MARK_USER, "warm");
    builder_malloc(&b, lane, 3, 0x2000, 20, 0x10);
    builder_mark(&b, lane, 4, TRACE_MARK_USER, "baseline");
    builder_malloc(&b, lane, 5, 0x3000, 70, 0x10);
    builder_mark(&b, lane, 6, TRACE_MARK_MAIN, "main");
    builder_mark(&b, lane, 7, TRACE_MARK_USER, "baseline");
    r = analyze(&b, "metrics");
    assert_text(r, 0, "baseline_is", "mark");
    assert_int_equal(integer(r, 0, "baseline_live_bytes"), 30);
    assert_int_equal(integer(r, 0, "growth_live_bytes"), 70);
    result_free(r);
}

static void rss_from_outside_is_preferred(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    int outside = builder_chunk(&b, TRACE_CHUNK_OUTSIDE, 0, 0, -1, 0);
    struct result *r;

    (void)state;
    builder_header(&b)->exit.kind = TRACE_EXIT_EXIT;
    builder_header(&b)->exit.ticks = 120;
    builder_header(&b)->exit.peak_rss_bytes = 999999; /* ru_maxrss, of the image before the exec */
    builder_sample(&b, lane, 5, TRACE_SAMPLE_START, 7000, 0, 500);
    builder_sample(&b, outside, 20, TRACE_SAMPLE_OUTSIDE, 1000, 1500, 0);
    builder_mark(&b, lane, 25, TRACE_MARK_MAIN, "main");
    builder_sample(&b, outside, 40, TRACE_SAMPLE_OUTSIDE, 3000, 3200, 0);
    builder_sample(&b, outside, 60, TRACE_SAMPLE_OUTSIDE, 2000, 3200, 0);
    builder_sample(&b, lane, 110, TRACE_SAMPLE_EXIT, 8000, 9000, 600);
    r = analyze(&b, "metrics");
    assert_text(r, 0, "rss_is", "outside");
    assert_int_equal(integer(r, 0, "rss_samples"), 3);
    assert_int_equal(integer(r, 0, "baseline_rss_bytes"), 1000); /* the level at main */
    assert_int_equal(integer(r, 0, "peak_rss_bytes"), 3200);
    assert_int_equal(integer(r, 0, "final_rss_bytes"), 2000);
    assert_int_equal(integer(r, 0, "growth_rss_bytes"), 2200);
    assert_true(result_get(r, 0, "growth_rss_percent").real > 219.99);
    assert_int_equal(integer(r, 0, "recorder_rss_bytes"), 600);
    /* 1000 for 20 ns, 3000 for 20, 2000 for 60 */
    assert_true(result_get(r, 0, "rss_mean_bytes").real == 2000.0);
    assert_int_equal(integer(r, 0, "rss_p50_bytes"), 2000);
    assert_int_equal(integer(r, 0, "rss_p99_bytes"), 3000);
    result_free(r);
}

static void rss_from_inside_does_where_there_is_no_other(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct result *r;

    (void)state;
    builder_header(&b)->exit.kind = TRACE_EXIT_ABORT;
    builder_header(&b)->exit.peak_rss_bytes = 5000;
    builder_mark(&b, lane, 2, TRACE_MARK_MAIN, "main");
    builder_sample(&b, lane, 5, TRACE_SAMPLE_RUNNING, 4000, 0, 0);
    r = analyze(&b, "metrics");
    assert_text(r, 0, "rss_is", "inside");
    assert_int_equal(integer(r, 0, "baseline_rss_bytes"), 4000); /* the first sample after main */
    assert_int_equal(integer(r, 0, "peak_rss_bytes"), 5000);
    assert_no_value(r, 0, "recorder_rss_bytes");
    assert_text(r, 0, "exit_kind", "abort");
    result_free(r);
}

/* peak_rss_bytes of a run that was at 3000 bytes, with these ru_maxrss at its start and exit. */
static int64_t peak_with_maxrss(uint64_t start, uint64_t exit)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    int outside = builder_chunk(&b, TRACE_CHUNK_OUTSIDE, 0, 0, -1, 0);
    struct result *r;
    int64_t peak;

    builder_header(&b)->exit.kind = TRACE_EXIT_EXIT;
    builder_header(&b)->exit.peak_rss_bytes = exit;
    builder_sample(&b, lane, 5, TRACE_SAMPLE_START, 1000, start, 0);
    builder_sample(&b, outside, 20, TRACE_SAMPLE_OUTSIDE, 3000, 3000, 0);
    r = analyze(&b, "metrics");
    peak = integer(r, 0, "peak_rss_bytes");
    result_free(r);
    return peak;
}

static void the_peak_of_the_image_before_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(peak_with_maxrss(80000, 80000), 3000); /* it was there at the start */
    assert_int_equal(peak_with_maxrss(1200, 5000), 5000);   /* grew after the last sample */
    assert_int_equal(peak_with_maxrss(0, 5000), 3000);      /* nobody knows whose it is */
}

static void a_steady_leak_has_its_slope(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    const uint64_t second = 1000000000;
    struct result *r;
    double slope;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++) /* 100 bytes a second: 360,000 an hour */
        builder_malloc(&b, lane, i * second, 0x1000 + 16 * i, 100, 0x10);
    r = analyze(&b, "metrics");
    slope = result_get(r, 0, "live_slope_bytes_per_hour").real;
    assert_true(slope > 359000 && slope < 361000);
    assert_true(result_get(r, 0, "live_slope_low").real <= slope);
    assert_true(result_get(r, 0, "live_slope_high").real >= slope);
    result_free(r);
}

/* --- sites, leaks, sizes, threads -------------------------------------------------------------------- */

static void sites_are_sorted_by_their_part_of_the_peak(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct result *r;

    (void)state;
    builder_module(&b, lane, 0, 1, 0x1000, 0x2000, 0x1000, "ID", "/bin/program");
    builder_malloc(&b, lane, 1, 0x10, 500, 0x1100); /* before the peak, gone at it */
    builder_free_block(&b, lane, 2, 0x10);
    builder_malloc(&b, lane, 3, 0x20, 200, 0x1200);
    builder_malloc(&b, lane, 4, 0x30, 100, 0x1300);
    builder_malloc(&b, lane, 5, 0x40, 300, 0x1200); /* the peak: 600 */
    builder_free_block(&b, lane, 6, 0x20);
    builder_malloc(&b, lane, 7, 0x50, 50, 0x9999); /* in no module */
    builder_begin(&b, lane, TRACE_FAILED, 8);      /* at the site before */
    builder_u8(&b, lane, TRACE_ENTRY_MALLOC);
    builder_u8(&b, lane, 0);
    builder_leb(&b, lane, 1 << 30);
    builder_allocate(&b, lane, TRACE_MALLOC | TRACE_POOL, 9, 0x40, 8, 0x1400);
    r = analyze(&b, "sites");
    assert_int_equal(r->row_count, 4);
    assert_int_equal(integer(r, 0, "peak_bytes"), 500);
    assert_int_equal(integer(r, 0, "peak_blocks"), 2);
    assert_int_equal(integer(r, 0, "allocations"), 2);
    assert_int_equal(integer(r, 0, "live_bytes"), 300);
    assert_int_equal(integer(r, 1, "peak_bytes"), 100);
    assert_int_equal(integer(r, 2, "allocated_bytes"), 500); /* no part of the peak, but more allocated */
    assert_int_equal(integer(r, 2, "temporary"), 1);
    assert_int_equal(integer(r, 3, "allocated_bytes"), 50);
    assert_int_equal(integer(r, 3, "failed"), 1);
    {
        const struct result_stack *stack = &r->stacks[result_get(r, 0, "stack").stack];
        assert_int_equal(stack->depth, 1);
        assert_int_equal(stack->frames[0].link_address, 0x200);
        assert_string_equal(r->modules[stack->frames[0].module].path, "/bin/program");
        assert_memory_equal(r->modules[stack->frames[0].module].build_id, "ID", 2);
        stack = &r->stacks[result_get(r, 3, "stack").stack];
        assert_int_equal(stack->frames[0].module, RESULT_NO_MODULE);
        assert_int_equal(stack->frames[0].link_address, 0x9999);
    }
    result_free(r);
}

static void leaks_are_what_is_left(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct result *r;

    (void)state;
    builder_malloc(&b, lane, 1, 0x10, 10, 0x1);
    builder_malloc(&b, lane, 2, 0x20, 20, 0x2);
    builder_malloc(&b, lane, 3, 0x30, 20, 0x2);
    builder_malloc(&b, lane, 4, 0x40, 90, 0x3);
    builder_free_block(&b, lane, 5, 0x40);
    builder_allocate(&b, lane, TRACE_MALLOC | TRACE_POOL, 6, 0x10, 15, 0x4);
    r = analyze(&b, "leaks");
    assert_int_equal(r->row_count, 3);
    assert_int_equal(integer(r, 0, "bytes"), 40);
    assert_int_equal(integer(r, 0, "blocks"), 2);
    assert_text(r, 0, "class", "outstanding");
    assert_false(result_get(r, 0, "pool").boolean);
    assert_int_equal(integer(r, 1, "bytes"), 15);
    assert_true(result_get(r, 1, "pool").boolean);
    assert_int_equal(integer(r, 2, "bytes"), 10);
    result_free(r);
}

static struct builder blocks_of_many_sizes(void)
{
    static const uint64_t sizes[] = {0, 1, 5, 5, 7, 4095, 4096, 100000, 100000, (uint64_t)1 << 40};
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);

    for (uint64_t i = 0; i < 10; i++)
        builder_malloc(&b, lane, i, 0x1000 + 16 * i, sizes[i], 0x10);
    builder_free_block(&b, lane, 20, 0x1000 + 16 * 2);
    builder_free_block(&b, lane, 21, 0x1000 + 16 * 7);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 22, 0x1000 + 16 * 8);
    builder_realloc_end(&b, lane, 23, TRACE_REALLOC_FAILED, 1, 0x10);
    return b;
}

static void sizes_are_counted_one_by_one(void **state)
{
    static const int64_t expected[][4] = {
        {0, 1, 0, 1},    {1, 1, 0, 1},    {5, 2, 1, 1},      {7, 1, 0, 1},
        {4095, 1, 0, 1}, {4096, 1, 0, 1}, {100000, 2, 1, 1}, {(int64_t)1 << 40, 1, 0, 1},
    };
    struct builder b = blocks_of_many_sizes();
    struct result *r = analyze(&b, "sizes");

    (void)state;
    assert_int_equal(r->row_count, 8);
    for (size_t i = 0; i < 8; i++)
        for (size_t column = 0; column < 4; column++)
            assert_int_equal(r->values[i * 4 + column].integer, expected[i][column]);
    result_free(r);
}

static void the_histogram_has_no_gaps(void **state)
{
    struct builder b = blocks_of_many_sizes();
    struct result *r = analyze(&b, "size_histogram");
    int64_t allocations = 0;

    (void)state;
    assert_int_equal(r->row_count, 42); /* 0, and 1 to 41 bits */
    for (size_t i = 0; i < r->row_count; i++) {
        allocations += integer(r, i, "allocations");
        if (i) assert_int_equal(integer(r, i, "low_bytes"), integer(r, i - 1, "high_bytes") + 1);
    }
    assert_int_equal(allocations, 10);
    assert_int_equal(integer(r, 3, "low_bytes"), 4);
    assert_int_equal(integer(r, 3, "high_bytes"), 7);
    assert_int_equal(integer(r, 3, "allocations"), 3);
    assert_int_equal(integer(r, 3, "allocated_bytes"), 17);
    assert_int_equal(integer(r, 3, "live_bytes"), 12);
    result_free(r);
}

static void threads_are_counted_where_they_act(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1), two = builder_lane(&b, 2);
    struct result *r;

    (void)state;
    builder_extension(&b, two, TRACE_THREAD_START, NULL, 6, (uint64_t)2, (uint64_t)4711, (uint64_t)5,
                      (uint64_t)0, (uint64_t)0, (uint64_t)0);
    b.chunks[two].ticks = 5;
    builder_malloc(&b, one, 1, 0x10, 10, 0x1);
    builder_malloc(&b, one, 2, 0x20, 30, 0x1);
    builder_free_block(&b, two, 6, 0x10);
    r = analyze(&b, "threads");
    assert_int_equal(r->row_count, 2);
    assert_int_equal(integer(r, 0, "thread"), 1);
    assert_int_equal(integer(r, 0, "allocations"), 2);
    assert_int_equal(integer(r, 0, "allocated_bytes"), 40);
    assert_int_equal(integer(r, 0, "frees"), 0);
    assert_int_equal(integer(r, 1, "tid"), 4711);
    assert_int_equal(integer(r, 1, "frees"), 1);
    result_free(r);
}

/* --- timeline ---------------------------------------------------------------------------------------- */

static void a_short_timeline_has_every_event(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct result *r;

    (void)state;
    builder_malloc(&b, lane, 100000, 0x10, 10, 0x1);
    builder_mark(&b, lane, 200000, TRACE_MARK_USER, "half");
    builder_sample(&b, lane, 300000, TRACE_SAMPLE_RUNNING, 4096, 0, 0);
    builder_free_block(&b, lane, 400000, 0x10);
    r = analyze(&b, "timeline");
    assert_int_equal(r->row_count, 6); /* the start and the end, too */
    assert_int_equal(integer(r, 0, "time_ns"), 0);
    assert_int_equal(integer(r, 1, "live_bytes"), 10);
    assert_int_equal(integer(r, 1, "live_blocks"), 1);
    assert_text(r, 2, "mark", "half");
    assert_no_value(r, 2, "rss_bytes");
    assert_int_equal(integer(r, 3, "rss_bytes"), 4096);
    assert_no_value(r, 3, "mark");
    assert_int_equal(integer(r, 4, "live_bytes"), 0);
    assert_int_equal(integer(r, 4, "allocated_bytes"), 10);
    assert_int_equal(integer(r, 5, "time_ns"), 400000);
    result_free(r);
}

/* Far more events, samples and marks than rows: the bound holds and the peak is exact, for any bound. */
static void a_long_timeline_is_bounded(void **state)
{
    static const size_t bounds[] = {16, 17, 50, 200, 2000};

    (void)state;
    for (size_t k = 0; k < sizeof(bounds) / sizeof(bounds[0]); k++) {
        struct builder b = builder_new();
        int lane = builder_lane(&b, 1);
        int64_t peak = 0, rss = 0, last = -1;
        size_t marks = 0;
        struct result *r;
        for (uint64_t i = 0; i < 800; i++) {
            builder_malloc(&b, lane, 1000 * i, 0x1000 + 16 * i, i == 555 ? 1 << 20 : 1 + i % 7, 0x10);
            if (i == 557) builder_free_block(&b, lane, 1000 * i, 0x1000 + 16 * 555);
            if (i % 2)
                builder_sample(&b, lane, 1000 * i, TRACE_SAMPLE_RUNNING, i == 333 ? 900000 : 5000, 0, 0);
            if (i % 3 == 0) builder_mark(&b, lane, 1000 * i, TRACE_MARK_USER, "m");
        }
        r = analyze_rows(&b, "timeline", bounds[k]);
        assert_true(r->row_count <= bounds[k]);
        assert_true(r->row_count >= bounds[k] / 3 || bounds[k] == 2000);
        for (size_t i = 0; i < r->row_count; i++) {
            assert_true(integer(r, i, "time_ns") >= last);
            last = integer(r, i, "time_ns");
            if (integer(r, i, "live_bytes") > peak) peak = integer(r, i, "live_bytes");
            if (!result_get(r, i, "rss_bytes").is_null && integer(r, i, "rss_bytes") > rss)
                rss = integer(r, i, "rss_bytes");
            marks += !result_get(r, i, "mark").is_null;
        }
        assert_true(peak > 1 << 20);
        assert_int_equal(rss, 900000);
        assert_true(marks >= 1);
        result_free(r);
    }
}

/* The rows of RSS, as "time:rss-recorder ". */
static void assert_rss(const struct result *result, const char *expected)
{
    char text[256] = "";

    for (size_t i = 0; i < result->row_count; i++) {
        struct result_value rss = result_get(result, i, "rss_bytes"),
                            recorder = result_get(result, i, "recorder_rss_bytes");
        size_t used = strlen(text);
        if (rss.is_null) {
            assert_no_value(result, i, "recorder_rss_bytes");
            continue;
        }
        snprintf(text + used, sizeof(text) - used, "%d:%d-%d ", (int)integer(result, i, "time_ns"),
                 (int)rss.integer, recorder.is_null ? -1 : (int)recorder.integer);
    }
    assert_string_equal(text, expected);
}

static void the_timeline_tells_the_recorders_pages(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    int outside = builder_chunk(&b, TRACE_CHUNK_OUTSIDE, 0, 0, -1, 0);
    struct result *r;

    (void)state;
    builder_sample(&b, lane, 1000, TRACE_SAMPLE_RUNNING, 5000, 0, 600);
    for (uint64_t i = 0; i < 100; i++)
        builder_malloc(&b, lane, 2000 + i, 0x1000 + 16 * i, 10, 0x1);
    builder_sample(&b, outside, 3000, TRACE_SAMPLE_OUTSIDE, 6000, 0, 0); /* of the recorder's nobody knows */
    builder_sample(&b, lane, 4000, TRACE_SAMPLE_RUNNING, 7000, 0, 900);
    builder_malloc(&b, lane, 4100, 0x10000, 10, 0x1);
    builder_sample(&b, outside, 5000, TRACE_SAMPLE_OUTSIDE, 9000, 0, 0); /* the program is at rest */
    builder_sample(&b, lane, 6000, TRACE_SAMPLE_EXIT, 8000, 0, 900);
    for (uint64_t i = 0; i < 100; i++)
        builder_malloc(&b, lane, 7000 + i, 0x20000 + 16 * i, 10, 0x1);
    builder_sample(&b, outside, 8000, TRACE_SAMPLE_OUTSIDE, 8500, 0, 0); /* no other sample comes */
    r = analyze(&b, "timeline");
    assert_rss(r, "1000:5000-600 4000:7000-900 5000:9000-900 6000:8000-900 8000:8500-900 ");
    result_free(r);

    b = builder_new();
    outside = builder_chunk(&b, TRACE_CHUNK_OUTSIDE, 0, 0, -1, 0);
    builder_sample(&b, outside, 1000, TRACE_SAMPLE_OUTSIDE, 6000, 0, 0);
    r = analyze(&b, "timeline");
    assert_rss(r, "1000:6000--1 ");
    result_free(r);
}

static void an_unknown_reducer_is_refused(void **state)
{
    const char *names[] = {"metrics", "nonsense"};
    struct builder b = builder_new();
    struct result *results[2];
    struct trace *trace;
    char path[64];
    int fd = builder_file(&b, path);

    (void)state;
    assert_int_equal(trace_open(path, &trace), 0);
    assert_int_equal(analysis_run(trace, names, 2, NULL, results), 2);
    trace_close(trace);
    close(fd);
    builder_free(&b);
    assert_string_equal(analysis_reducer_name(0), "metrics");
    assert_null(analysis_reducer_name(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_of_a_heap),
        cmocka_unit_test(metrics_of_nothing),
        cmocka_unit_test(the_programs_own_baseline_wins),
        cmocka_unit_test(rss_from_outside_is_preferred),
        cmocka_unit_test(rss_from_inside_does_where_there_is_no_other),
        cmocka_unit_test(the_peak_of_the_image_before_does_not_count),
        cmocka_unit_test(a_steady_leak_has_its_slope),
        cmocka_unit_test(sites_are_sorted_by_their_part_of_the_peak),
        cmocka_unit_test(leaks_are_what_is_left),
        cmocka_unit_test(sizes_are_counted_one_by_one),
        cmocka_unit_test(the_histogram_has_no_gaps),
        cmocka_unit_test(threads_are_counted_where_they_act),
        cmocka_unit_test(a_short_timeline_has_every_event),
        cmocka_unit_test(a_long_timeline_is_bounded),
        cmocka_unit_test(the_timeline_tells_the_recorders_pages),
        cmocka_unit_test(an_unknown_reducer_is_refused),
    };

    return cmocka_run_group_tests_name("reducers", tests, NULL, NULL);
}
