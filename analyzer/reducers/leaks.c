/* leaks: the blocks that are live at the trace's end, by the stack that allocated them. Without a snapshot
 * nobody can tell lost blocks from those still pointed at: the class is "outstanding" for all. */
#include <stdlib.h>
#include <string.h>
#include "reducers/estimated.h"
#include "reducers/reducer.h"
#include "util/memory.h"

static const struct result_column columns[] = {
    {"class", VALUE_TEXT, UNIT_NONE, "class"},     {"blocks", VALUE_INTEGER, UNIT_COUNT, "blocks"},
    {"bytes", VALUE_INTEGER, UNIT_BYTES, "bytes"}, {"pool", VALUE_BOOLEAN, UNIT_NONE, "pool"},
    {"stack", VALUE_STACK, UNIT_NONE, "stack"},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void *leaks_begin(const struct replay *replay, const struct analysis_options *options)
{
    (void)options;
    return (void *)(uintptr_t)replay;
}

static const char *const estimated[] = {"blocks", "bytes", NULL};

static uint64_t site_bytes(const struct replay *replay, uint32_t site)
{
    return replay->rate_bytes ? estimated_nearest(replay->site_estimates[site].live_bytes.total)
                              : replay->sites[site].live_bytes;
}

static uint64_t site_blocks(const struct replay *replay, uint32_t site)
{
    return replay->rate_bytes ? estimated_nearest(replay->site_estimates[site].live_blocks.total)
                              : replay->sites[site].live_blocks;
}

static int compare_sites(const void *a, const void *b, void *argument)
{
    const struct replay *replay = argument;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    uint64_t left_bytes = site_bytes(replay, left), right_bytes = site_bytes(replay, right);
    uint64_t left_blocks = site_blocks(replay, left), right_blocks = site_blocks(replay, right);
    int order;

    if (left_bytes != right_bytes) return left_bytes > right_bytes ? -1 : 1;
    if (left_blocks != right_blocks) return left_blocks > right_blocks ? -1 : 1;
    order = stack_tree_compare(replay->stacks, replay->sites[left].stack, replay->sites[right].stack);
    return order ? order : replay->sites[left].pool - replay->sites[right].pool;
}

static void estimate_leak(struct result *result, const struct replay *replay, uint32_t site)
{
    const struct heap_estimates *estimates = &replay->site_estimates[site];
    struct interval_basis blocks =
        estimated_seen(estimated_events(replay, &estimates->live_blocks, estimates->least_bytes));
    struct interval_basis bytes = estimated_seen(estimated_bytes(replay, &estimates->live_bytes));

    result_set_estimate(result, result->row_count - 1, 1, &blocks);
    result_set_estimate(result, result->row_count - 1, 2, &bytes);
}

static void add_leak(struct result *result, struct stack_copier *copier, uint32_t index)
{
    static const char outstanding[] = "outstanding";
    const struct replay *replay = copier->replay;
    struct result_value stack = stack_copier_value(copier, replay->sites[index].stack);
    struct result_value class = value_text(result, outstanding, strlen(outstanding));
    struct result_value *row = result_add_row(result);

    *row++ = class;
    *row++ = value_of(site_blocks(replay, index));
    *row++ = value_of(site_bytes(replay, index));
    *row++ = value_boolean(replay->sites[index].pool);
    *row = stack;
    if (replay->rate_bytes) estimate_leak(result, replay, index);
}

static struct result *leaks_finish(void *state)
{
    const struct replay *replay = state;
    struct result *result = result_new("leaks", columns, COLUMNS);
    struct stack_copier copier = stack_copier_new(replay, result);
    uint32_t *sites = memory_new(replay->site_count, sizeof(*sites));
    size_t count = 0;

    if (replay->intervals) result_begin_estimates(result, replay->rate_bytes, estimated);
    for (uint32_t i = 1; i < replay->site_count; i++)
        if (replay->sites[i].live_blocks) sites[count++] = i;
    if (count) qsort_r(sites, count, sizeof(*sites), compare_sites, state);
    for (size_t i = 0; i < count; i++)
        add_leak(result, &copier, sites[i]);
    free(sites);
    stack_copier_free(&copier);
    return result;
}

const struct reducer reduce_leaks = {"leaks", leaks_begin, NULL, leaks_finish};
