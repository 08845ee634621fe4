/* sites: what every distinct stack allocated. Blocks of the program's own pools are not among them: they lie
 * inside blocks that are. Of a sampled trace: the estimates, for the stacks that had a sample. */
#include <stdlib.h>
#include "reducers/estimated.h"
#include "reducers/reducer.h"
#include "util/memory.h"

static const struct result_column columns[] = {
    {"allocations", VALUE_INTEGER, UNIT_COUNT, "allocations"},
    {"allocated_bytes", VALUE_INTEGER, UNIT_BYTES, "allocated"},
    {"peak_bytes", VALUE_INTEGER, UNIT_BYTES, "at the peak"},
    {"peak_blocks", VALUE_INTEGER, UNIT_COUNT, "blocks at the peak"},
    {"live_blocks", VALUE_INTEGER, UNIT_COUNT, "live blocks"},
    {"live_bytes", VALUE_INTEGER, UNIT_BYTES, "live"},
    {"temporary", VALUE_INTEGER, UNIT_COUNT, "temporary"},
    {"failed", VALUE_INTEGER, UNIT_COUNT, "failed"},
    {"stack", VALUE_STACK, UNIT_NONE, "stack"},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void *sites_begin(const struct replay *replay, const struct analysis_options *options)
{
    (void)options;
    return (void *)(uintptr_t)replay; /* the model holds all that is wanted, at the end */
}

static const char *const estimated[] = {
    "allocations", "allocated_bytes", "peak_bytes", "peak_blocks",
    "live_blocks", "live_bytes",      "failed",     NULL,
};

struct ranked {
    uint32_t site;
    uint64_t peak_bytes, peak_blocks, allocated_bytes;
    struct estimate peak_bytes_estimate, peak_blocks_estimate; /* of a sampled trace */
};

static struct ranked site_rank(const struct replay *replay, uint32_t index)
{
    const struct site *site = &replay->sites[index];
    struct ranked ranked = {.site = index, .allocated_bytes = site->allocated_bytes};

    site_peak(replay, site, &ranked.peak_bytes, &ranked.peak_blocks);
    if (replay->rate_bytes) {
        site_peak_estimates(replay, index, &ranked.peak_bytes_estimate, &ranked.peak_blocks_estimate);
        ranked.peak_bytes = estimated_nearest(ranked.peak_bytes_estimate.total);
        ranked.allocated_bytes = estimated_nearest(replay->site_estimates[index].allocated_bytes.total);
    }
    return ranked;
}

static int compare_ranked(const void *a, const void *b, void *argument)
{
    const struct replay *replay = argument;
    const struct ranked *left = a, *right = b;

    if (left->peak_bytes != right->peak_bytes) return left->peak_bytes > right->peak_bytes ? -1 : 1;
    if (left->allocated_bytes != right->allocated_bytes)
        return left->allocated_bytes > right->allocated_bytes ? -1 : 1;
    return stack_tree_compare(replay->stacks, replay->sites[left->site].stack,
                              replay->sites[right->site].stack);
}

static void set_events(struct result *result, size_t column, const struct replay *replay, uint32_t site,
                       const struct estimate *estimate)
{
    struct interval_basis basis =
        estimated_seen(estimated_events(replay, estimate, replay->site_estimates[site].least_bytes));

    result_set_estimate(result, result->row_count - 1, column, &basis);
}

static void set_bytes(struct result *result, size_t column, const struct replay *replay,
                      const struct estimate *estimate)
{
    struct interval_basis basis = estimated_seen(estimated_bytes(replay, estimate));

    result_set_estimate(result, result->row_count - 1, column, &basis);
}

/* The last row's figures, which are of what was recorded, become estimates; temporary ones are not known. */
static void estimate_site(struct result *result, const struct replay *replay, const struct ranked *ranked)
{
    const struct heap_estimates *estimates = &replay->site_estimates[ranked->site];

    set_events(result, 0, replay, ranked->site, &estimates->allocations);
    set_bytes(result, 1, replay, &estimates->allocated_bytes);
    set_bytes(result, 2, replay, &ranked->peak_bytes_estimate);
    set_events(result, 3, replay, ranked->site, &ranked->peak_blocks_estimate);
    set_events(result, 4, replay, ranked->site, &estimates->live_blocks);
    set_bytes(result, 5, replay, &estimates->live_bytes);
    result->values[(result->row_count - 1) * COLUMNS + 6].is_null = true;
    set_events(result, 7, replay, ranked->site, &estimates->failed);
}

static void add_site(struct result *result, struct stack_copier *copier, const struct ranked *ranked)
{
    const struct replay *replay = copier->replay;
    const struct site *site = &replay->sites[ranked->site];
    struct result_value stack = stack_copier_value(copier, site->stack);
    struct result_value *row = result_add_row(result);

    *row++ = value_of(site->allocations);
    *row++ = value_of(site->allocated_bytes);
    *row++ = value_of(ranked->peak_bytes);
    *row++ = value_of(ranked->peak_blocks);
    *row++ = value_of(site->live_blocks);
    *row++ = value_of(site->live_bytes);
    *row++ = value_of(site->temporary);
    *row++ = value_of(site->failed);
    *row = stack;
    if (replay->rate_bytes) estimate_site(result, replay, ranked);
}

static struct result *sites_finish(void *state)
{
    const struct replay *replay = state;
    struct result *result = result_new("sites", columns, COLUMNS);
    struct stack_copier copier = stack_copier_new(replay, result);
    struct ranked *ranked = memory_new(replay->site_count, sizeof(*ranked));
    size_t count = 0;

    if (replay->intervals) result_begin_estimates(result, replay->rate_bytes, estimated);
    for (uint32_t i = 1; i < replay->site_count; i++)
        if (!replay->sites[i].pool) ranked[count++] = site_rank(replay, i);
    if (count) qsort_r(ranked, count, sizeof(*ranked), compare_ranked, state);
    for (size_t i = 0; i < count; i++)
        add_site(result, &copier, &ranked[i]);
    free(ranked);
    stack_copier_free(&copier);
    return result;
}

const struct reducer reduce_sites = {"sites", sites_begin, NULL, sites_finish};
