/* sites: what every distinct stack allocated. Blocks of the program's own pools are not among them: they lie
 * inside blocks that are. */
#include <stdlib.h>
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

struct ranked {
    uint32_t site;
    uint64_t peak_bytes, peak_blocks;
};

static int compare_ranked(const void *a, const void *b, void *argument)
{
    const struct replay *replay = argument;
    const struct ranked *left = a, *right = b;
    const struct site *l = &replay->sites[left->site], *r = &replay->sites[right->site];

    if (left->peak_bytes != right->peak_bytes) return left->peak_bytes > right->peak_bytes ? -1 : 1;
    if (l->allocated_bytes != r->allocated_bytes) return l->allocated_bytes > r->allocated_bytes ? -1 : 1;
    return stack_tree_compare(replay->stacks, l->stack, r->stack);
}

static void add_site(struct result *result, struct stack_copier *copier, const struct site *site,
                     const struct ranked *ranked)
{
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
}

static struct result *sites_finish(void *state)
{
    const struct replay *replay = state;
    struct result *result = result_new("sites", columns, COLUMNS);
    struct stack_copier copier = stack_copier_new(replay, result);
    struct ranked *ranked = memory_new(replay->site_count, sizeof(*ranked));
    size_t count = 0;

    for (uint32_t i = 1; i < replay->site_count; i++) {
        if (replay->sites[i].pool) continue;
        ranked[count].site = i;
        site_peak(replay, &replay->sites[i], &ranked[count].peak_bytes, &ranked[count].peak_blocks);
        count++;
    }
    if (count) qsort_r(ranked, count, sizeof(*ranked), compare_ranked, state);
    for (size_t i = 0; i < count; i++)
        add_site(result, &copier, &replay->sites[ranked[i].site], &ranked[i]);
    free(ranked);
    stack_copier_free(&copier);
    return result;
}

const struct reducer reduce_sites = {"sites", sites_begin, NULL, sites_finish};
