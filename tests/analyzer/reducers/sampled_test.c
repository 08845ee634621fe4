/* Results of sampled traces: every figure of the heap is the sum of weights 1 / (1 - exp(-size / rate)),
 * worked out here by libm, and has an interval; what a sample cannot say is null. Times are ns, the start is
 * 0. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "../trace_builder.h"
#include "reducers/analysis.h"

#define RATE 1000

static double weight(double size)
{
    return 1 / (1 - exp(-(size > 0 ? size : 1) / RATE));
}

static struct result *analyze(struct builder *b, const char *name, bool intervals)
{
    const struct analysis_options options = {.intervals = intervals};
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

static struct builder sampled_builder(void)
{
    struct builder b = builder_new();
    builder_header(&b)->sampling_rate_bytes = RATE;
    return b;
}

/* ROW's COLUMN is an estimate of EXPECTED, rounded if it is an integer, inside its interval. */
static void assert_estimate(const struct result *r, size_t row, const char *column, double expected)
{
    int index = result_column_index(r, column);
    assert_true(index >= 0);
    struct result_value value = result_get(r, row, column);
    const struct result_estimate *estimate = result_get_estimate(r, row, (size_t)index);
    assert_true(result_column_is_estimated(r, (size_t)index));
    assert_false(value.is_null);
    assert_non_null(estimate);
    if (r->columns[index].type == VALUE_INTEGER)
        assert_int_equal(value.integer, llround(expected));
    else
        assert_true(fabs(value.real - expected) < 1e-9 * fabs(expected) + 1e-12);
    assert_true(estimate->interval.low <= expected + 1e-9 && expected <= estimate->interval.high + 1e-9);
}

static void assert_interval(const struct result *r, size_t row, const char *column, double low, double high)
{
    const struct result_estimate *estimate =
        result_get_estimate(r, row, (size_t)result_column_index(r, column));
    assert_non_null(estimate);
    assert_true(fabs(estimate->interval.low - low) <= 0.02 * fabs(low) + 1e-9);
    assert_true(fabs(estimate->interval.high - high) <= 0.02 * fabs(high) + 1e-9);
}

static void assert_no_value(const struct result *result, size_t row, const char *column)
{
    assert_true(result_column_index(result, column) >= 0);
    assert_true(result_get(result, row, column).is_null);
}

/* Two sizes, one of them freed; a block of a pool; a free of a block that was not sampled. */
static struct builder small_heap(void)
{
    struct builder b = sampled_builder();
    int lane = builder_lane(&b, 1), other = builder_lane(&b, 2);
    builder_header(&b)->exit.kind = TRACE_EXIT_EXIT;
    builder_header(&b)->exit.ticks = 100;
    builder_malloc(&b, lane, 10, 0x1000, 100, 0x10);
    builder_malloc(&b, lane, 20, 0x2000, 1000, 0x20);
    builder_malloc(&b, lane, 30, 0x3000, 0, 0x10);
    builder_free_block(&b, other, 40, 0x9000); /* nobody knows it */
    builder_free_block(&b, other, 50, 0x2000);
    builder_allocate(&b, lane, TRACE_MALLOC | TRACE_POOL, 60, 0x1000, 50, 0x20);
    return b;
}

static void metrics(void **state)
{
    (void)state;
    struct builder b = small_heap();
    struct result *r = analyze(&b, "metrics", false);
    double live_at_peak = 100 * weight(100) + 1000 * weight(1000);
    assert_int_equal(result_get(r, 0, "sampling_rate_bytes").integer, RATE);
    assert_estimate(r, 0, "allocations", weight(100) + weight(1000) + weight(0));
    assert_estimate(r, 0, "allocated_bytes", live_at_peak);
    assert_estimate(r, 0, "frees", weight(1000));
    assert_estimate(r, 0, "peak_live_bytes", live_at_peak);
    assert_estimate(r, 0, "peak_live_blocks", weight(100) + weight(1000));
    assert_int_equal(result_get(r, 0, "peak_at_ns").integer, 20);
    assert_estimate(r, 0, "live_bytes_at_end", 100 * weight(100));
    assert_estimate(r, 0, "live_blocks_at_end", weight(100) + weight(0));
    assert_estimate(r, 0, "leaked_bytes", 100 * weight(100));
    assert_estimate(r, 0, "leaked_allocations", weight(100) + weight(0));
    assert_estimate(r, 0, "growth_live_bytes", live_at_peak);
    assert_estimate(r, 0, "pool_allocations", weight(50));
    assert_estimate(r, 0, "pool_live_bytes_at_end", 50 * weight(50));
    assert_estimate(r, 0, "failed_allocations", 0);
    assert_estimate(r, 0, "live_p50_bytes", llround(100 * weight(100)));
    /* 0 for 10 ns, the small one for 10 and 50, both for 30 */
    assert_estimate(r, 0, "live_mean_bytes",
                    ((double)llround(100 * weight(100)) * 60 + (double)llround(live_at_peak) * 30) / 100);
    assert_no_value(r, 0, "temporary_allocations");
    assert_no_value(r, 0, "frees_of_unknown_blocks");
    assert_no_value(r, 0, "frees_of_inherited_blocks");
    assert_no_value(r, 0, "missing_frees");
    /* What is no estimate has no interval. */
    assert_null(result_get_estimate(r, 0, (size_t)result_column_index(r, "threads")));
    assert_int_equal(result_get(r, 0, "threads").integer, 2);
    assert_int_equal(result_get(r, 0, "distinct_stacks").integer, 2);
    result_free(r);
}

static void nothing_sampled(void **state)
{
    (void)state;
    struct builder b = sampled_builder();
    builder_lane(&b, 1);
    struct result *r = analyze(&b, "metrics", false);
    /* Garwood's upper end for no event is 3.689; an allocation may have been of 16 bytes. */
    assert_interval(r, 0, "allocated_bytes", 0, 3.689 * RATE);
    assert_interval(r, 0, "allocations", 0, 3.689 * sqrt(weight(16) * (weight(16) - 1)));
    assert_no_value(r, 0, "growth_live_percent");
    result_free(r);
}

static void sites_and_leaks(void **state)
{
    (void)state;
    struct builder b = small_heap();
    struct result *r = analyze(&b, "sites", false);
    assert_int_equal(r->row_count, 2);
    assert_estimate(r, 0, "peak_bytes", 1000 * weight(1000)); /* 1,582 against 1,051 */
    assert_estimate(r, 0, "allocations", weight(1000));
    assert_estimate(r, 0, "live_blocks", 0);
    assert_estimate(r, 1, "peak_bytes", 100 * weight(100));
    assert_estimate(r, 1, "peak_blocks", weight(100));
    assert_estimate(r, 1, "allocations", weight(100) + weight(0));
    assert_estimate(r, 1, "allocated_bytes", 100 * weight(100));
    assert_estimate(r, 1, "live_bytes", 100 * weight(100));
    assert_no_value(r, 0, "temporary");
    /* Of one event that made the row visible no more can be said than that it was. */
    assert_true(result_get_estimate(r, 0, 0)->interval.low == 1);
    result_free(r);

    b = small_heap();
    r = analyze(&b, "leaks", false);
    assert_int_equal(r->row_count, 2);
    assert_estimate(r, 0, "bytes", 100 * weight(100));
    assert_estimate(r, 0, "blocks", weight(100) + weight(0));
    assert_estimate(r, 1, "bytes", 50 * weight(50)); /* the pool's */
    result_free(r);
}

static void sizes_threads_timeline(void **state)
{
    (void)state;
    struct builder b = small_heap();
    struct result *r = analyze(&b, "sizes", false);
    assert_int_equal(r->row_count, 3);
    assert_estimate(r, 0, "allocations", weight(0));
    assert_estimate(r, 2, "frees", weight(1000));
    assert_estimate(r, 2, "live_blocks", 0);
    result_free(r);

    b = small_heap();
    r = analyze(&b, "size_histogram", false);
    assert_int_equal(r->row_count, 11); /* 0, 1, 2-3, ... 512-1023 */
    assert_estimate(r, 0, "allocated_bytes", 0);
    assert_interval(r, 0, "allocated_bytes", 0, 0); /* blocks of no bytes have none, however many there are */
    assert_estimate(r, 7, "allocated_bytes", 100 * weight(100));
    assert_estimate(r, 10, "live_bytes", 0);
    result_free(r);

    b = small_heap();
    r = analyze(&b, "threads", false);
    assert_int_equal(r->row_count, 2);
    assert_estimate(r, 0, "allocations", weight(100) + weight(1000) + weight(0));
    assert_estimate(r, 1, "frees", weight(1000));
    result_free(r);

    b = small_heap();
    r = analyze(&b, "timeline", false);
    size_t last = r->row_count - 1;
    assert_int_equal(result_get(r, last, "time_ns").integer, 100);
    assert_estimate(r, last, "live_bytes", 100 * weight(100));
    assert_estimate(r, last, "allocations", weight(100) + weight(1000) + weight(0));
    assert_interval(r, 0, "live_bytes", 0, 3.689 * RATE);
    result_free(r);
}

/* A failed realloc leaves its block as it was; of one whose block is not known nothing counts. */
static void reallocations(void **state)
{
    (void)state;
    struct builder b = sampled_builder();
    int lane = builder_lane(&b, 1);
    builder_malloc(&b, lane, 10, 0x1000, 200, 0x10);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 20, 0x1000);
    builder_realloc_end(&b, lane, 30, TRACE_REALLOC_FAILED, 1 << 20, 0x30);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 40, 0x7000);
    builder_realloc_end(&b, lane, 50, TRACE_REALLOC_FAILED, 1 << 20, 0x30);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 60, 0x8000); /* was not sampled; its new block is */
    builder_allocate(&b, lane, TRACE_REALLOC, 70, 0x9000, 300, 0x40);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 80, 0x1000); /* and the other way round */
    builder_realloc_end(&b, lane, 90, TRACE_REALLOC_FREED, 64, 0x30);
    struct result *r = analyze(&b, "metrics", false);
    assert_estimate(r, 0, "failed_allocations", weight(200));
    assert_estimate(r, 0, "reallocations", weight(300));
    assert_estimate(r, 0, "allocations", weight(200) + weight(300));
    assert_estimate(r, 0, "frees", weight(200));
    assert_estimate(r, 0, "live_bytes_at_end", 300 * weight(300));
    assert_no_value(r, 0, "frees_of_unknown_blocks");
    result_free(r);
}

/* Coming and going, blocks leave nothing behind: no rest of a sum of reals. */
static void all_freed(void **state)
{
    (void)state;
    struct builder b = sampled_builder();
    int lane = builder_lane(&b, 1);
    for (uint64_t i = 0; i < 500; i++)
        builder_malloc(&b, lane, 10 + i, 0x1000 + i * 4096, 1 + i * 7, 0x10 + i % 3);
    for (uint64_t i = 0; i < 500; i++)
        builder_free_block(&b, lane, 1000 + i, 0x1000 + (i * 199) % 500 * 4096);
    struct result *r = analyze(&b, "metrics", false);
    assert_estimate(r, 0, "live_bytes_at_end", 0);
    assert_interval(r, 0, "live_bytes_at_end", 0, 3.689 * RATE);
    result_free(r);
}

/* An exact trace beside a sampled one: the same columns, and nothing to doubt. */
static void exact_among_sampled(void **state)
{
    (void)state;
    struct builder b = small_heap();
    builder_header(&b)->sampling_rate_bytes = 0;
    struct result *r = analyze(&b, "metrics", true);
    int column = result_column_index(r, "allocations");
    assert_true(result_column_is_estimated(r, (size_t)column));
    assert_null(result_get_estimate(r, 0, (size_t)column));
    assert_int_equal(result_get(r, 0, "allocations").integer, 3);
    assert_int_equal(result_get(r, 0, "sampling_rate_bytes").integer, 0);
    assert_int_equal(result_get(r, 0, "frees_of_unknown_blocks").integer, 1);
    result_free(r);
    b = small_heap();
    builder_header(&b)->sampling_rate_bytes = 0;
    r = analyze(&b, "metrics", false);
    assert_null(r->estimates);
    result_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics),
        cmocka_unit_test(nothing_sampled),
        cmocka_unit_test(sites_and_leaks),
        cmocka_unit_test(sizes_threads_timeline),
        cmocka_unit_test(reallocations),
        cmocka_unit_test(all_freed),
        cmocka_unit_test(exact_among_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
