#include "reducers/metrics_estimates.h"

#include <math.h>
#include "reducers/estimated.h"

const char *const metrics_estimated_columns[] = {
    "allocations",
    "frees",
    "allocated_bytes",
    "peak_live_bytes",
    "live_bytes_at_end",
    "leaked_allocations",
    "leaked_bytes",
    "baseline_live_bytes",
    "growth_live_bytes",
    "growth_live_percent",
    "failed_allocations",
    "peak_live_blocks",
    "live_blocks_at_end",
    "reallocations",
    "pool_allocations",
    "pool_frees",
    "pool_live_bytes_at_end",
    "truncated_stacks",
    "live_mean_bytes",
    "live_p50_bytes",
    "live_p95_bytes",
    "live_p99_bytes",
    NULL,
};

static struct interval live_interval(const struct metrics_estimates *e)
{
    struct interval_basis basis = estimated_bytes(e->replay, &e->replay->heap.estimates.live_bytes);

    return interval_of(&basis);
}

static void levels_set(struct metrics_estimates *e, uint64_t ticks)
{
    struct interval interval = live_interval(e);

    level_set(&e->live, ticks, estimated_nearest(e->replay->heap.estimates.live_bytes.total));
    level_set(&e->low, ticks, estimated_nearest(interval.low));
    level_set(&e->high, ticks, estimated_nearest(interval.high));
}

void metrics_estimates_begin(struct metrics_estimates *e, const struct replay *replay, uint64_t start)
{
    e->replay = replay;
    if (!replay->rate_bytes) return;
    level_restart(&e->live, start);
    level_restart(&e->low, start);
    level_restart(&e->high, start);
    levels_set(e, start);
}

void metrics_estimates_event(struct metrics_estimates *e, uint64_t ticks)
{
    levels_set(e, ticks);
}

void metrics_estimates_baseline(struct metrics_estimates *e, uint64_t ticks)
{
    if (!e->replay->rate_bytes) return;
    e->baseline = e->replay->heap.estimates.live_bytes;
    level_restart(&e->live, ticks);
    level_restart(&e->low, ticks);
    level_restart(&e->high, ticks);
}

/* --- the row ---------------------------------------------------------------------------------------- */

static void set(struct result *result, const char *name, struct interval_basis basis)
{
    result_set_estimate(result, 0, (size_t)result_column_index(result, name), &basis);
}

static void set_interval(struct result *result, const char *name, double value, struct interval interval)
{
    result_set_interval(result, 0, (size_t)result_column_index(result, name), value, interval);
}

/* How often the live bytes at the peak were as good as estimated anew: the peak is the largest of so many
 * estimates. Each time as many bytes were allocated as are live, others are; between two such times the
 * estimate moves as well, hence twice that. */
static double peak_looks(const struct heap_estimates *heap)
{
    if (heap->peak_bytes.total <= 0) return 1;
    return 1 + 2 * heap->allocated_bytes.total / heap->peak_bytes.total;
}

static struct interval_basis peak_basis(const struct replay *replay, bool bytes)
{
    const struct heap_estimates *heap = &replay->heap.estimates;
    struct interval_basis basis = bytes ? estimated_bytes(replay, &heap->peak_bytes)
                                        : estimated_all_events(replay, &replay->heap, &heap->peak_blocks);

    basis.looks = peak_looks(heap);
    return basis;
}

/* Blocks that are live at the baseline and at the peak have the same weight in both; taking the two for
 * independent makes the interval too wide, never too narrow. */
static void set_growth(const struct metrics_estimates *e, struct result *result)
{
    struct interval_basis baseline = estimated_bytes(e->replay, &e->baseline);
    struct interval_basis peak = peak_basis(e->replay, true);
    struct interval of_baseline = interval_of(&baseline), of_peak = interval_of(&peak), quotient;

    set(result, "baseline_live_bytes", baseline);
    set_interval(result, "growth_live_bytes", peak.total - baseline.total,
                 interval_of_difference(peak.total, of_peak, baseline.total, of_baseline));
    if (baseline.total <= 0) return;
    quotient = interval_of_quotient(peak.total, of_peak, baseline.total, of_baseline);
    set_interval(result, "growth_live_percent", (peak.total / baseline.total - 1) * 100,
                 (struct interval){(quotient.low - 1) * 100, (quotient.high - 1) * 100});
}

static void set_totals(const struct replay *replay, struct result *result)
{
    const struct heap_totals *heap = &replay->heap, *pool = &replay->pool;
    const struct heap_estimates *of_heap = &heap->estimates, *of_pool = &pool->estimates;

    set(result, "allocations", estimated_all_events(replay, heap, &of_heap->allocations));
    set(result, "frees", estimated_all_events(replay, heap, &of_heap->frees));
    set(result, "allocated_bytes", estimated_bytes(replay, &of_heap->allocated_bytes));
    set(result, "live_bytes_at_end", estimated_bytes(replay, &of_heap->live_bytes));
    set(result, "live_blocks_at_end", estimated_all_events(replay, heap, &of_heap->live_blocks));
    set(result, "leaked_bytes", estimated_bytes(replay, &of_heap->live_bytes));
    set(result, "leaked_allocations", estimated_all_events(replay, heap, &of_heap->live_blocks));
    set(result, "peak_live_bytes", peak_basis(replay, true));
    set(result, "peak_live_blocks", peak_basis(replay, false));
    set(result, "reallocations", estimated_all_events(replay, heap, &of_heap->reallocations));
    set(result, "failed_allocations", estimated_all_events(replay, heap, &of_heap->failed));
    set(result, "truncated_stacks", estimated_all_events(replay, heap, &of_heap->truncated_stacks));
    set(result, "pool_allocations", estimated_all_events(replay, pool, &of_pool->allocations));
    set(result, "pool_frees", estimated_all_events(replay, pool, &of_pool->frees));
    set(result, "pool_live_bytes_at_end", estimated_bytes(replay, &of_pool->live_bytes));
}

/* The mean of the interval's lower end is below the mean's own: errors at different moments balance in part
 * (Minkowski's inequality), and so for the upper. */
static void set_mean(struct metrics_estimates *e, struct result *result)
{
    double mean, low, high;

    if (level_mean(&e->live, &mean) && level_mean(&e->low, &low) && level_mean(&e->high, &high))
        set_interval(result, "live_mean_bytes", mean, (struct interval){low, high});
}

/* The percentile of the ends. A high percentile of estimates is too large, as their largest is: its lower end
 * allows for as much as the peak's does. */
static void set_percentile(struct metrics_estimates *e, struct result *result, const char *name,
                           unsigned percent)
{
    struct interval_basis once = peak_basis(e->replay, true), chosen = once;
    uint64_t value, low, high;
    double more;

    once.looks = 1;
    more = percent > 50 ? interval_of(&once).low - interval_of(&chosen).low : 0;
    if (!level_percentile(&e->live, percent, &value) || !level_percentile(&e->low, percent, &low) ||
        !level_percentile(&e->high, percent, &high))
        return;
    set_interval(result, name, (double)value, (struct interval){fmax((double)low - more, 0), (double)high});
}

/* The estimate's slope, between the least and the greatest of those of the estimate and of both ends. */
static void set_slope(struct metrics_estimates *e, struct result *result)
{
    double hour = 3600e9 / trace_ns_per_tick(e->replay->trace); /* ticks */
    struct level_slope slopes[3];

    if (!level_find_slope(&e->live, &slopes[0]) || !level_find_slope(&e->low, &slopes[1]) ||
        !level_find_slope(&e->high, &slopes[2]))
        return;
    for (size_t i = 1; i < 3; i++) {
        slopes[0].low = fmin(slopes[0].low, slopes[i].low);
        slopes[0].high = fmax(slopes[0].high, slopes[i].high);
    }
    result->values[result_column_index(result, "live_slope_bytes_per_hour")] =
        value_real(slopes[0].slope * hour);
    result->values[result_column_index(result, "live_slope_low")] = value_real(slopes[0].low * hour);
    result->values[result_column_index(result, "live_slope_high")] = value_real(slopes[0].high * hour);
}

void metrics_estimates_finish(struct metrics_estimates *e, struct result *result, uint64_t end)
{
    level_hold(&e->live, end);
    level_hold(&e->low, end);
    level_hold(&e->high, end);
    set_totals(e->replay, result);
    set_growth(e, result);
    set_mean(e, result);
    set_percentile(e, result, "live_p50_bytes", 50);
    set_percentile(e, result, "live_p95_bytes", 95);
    set_percentile(e, result, "live_p99_bytes", 99);
    set_slope(e, result);
    level_free(&e->live);
    level_free(&e->low);
    level_free(&e->high);
}
