/* leaks: the blocks that are live at the trace's end, by the stack that allocated them. Without a snapshot
 * nobody can tell lost blocks from those still pointed at: the class is "outstanding" for all. */
#include <stdlib.h>
#include <string.h>
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

static int compare_sites(const void *a, const void *b, void *argument)
{
    const struct replay *replay = argument;
    const struct site *left = &replay->sites[*(const uint32_t *)a];
    const struct site *right = &replay->sites[*(const uint32_t *)b];
    int order;

    if (left->live_bytes != right->live_bytes) return left->live_bytes > right->live_bytes ? -1 : 1;
    if (left->live_blocks != right->live_blocks) return left->live_blocks > right->live_blocks ? -1 : 1;
    order = stack_tree_compare(replay->stacks, left->stack, right->stack);
    return order ? order : left->pool - right->pool;
}

static void add_leak(struct result *result, struct stack_copier *copier, const struct site *site)
{
    static const char outstanding[] = "outstanding";
    struct result_value stack = stack_copier_value(copier, site->stack);
    struct result_value class = value_text(result, outstanding, strlen(outstanding));
    struct result_value *row = result_add_row(result);

    *row++ = class;
    *row++ = value_of(site->live_blocks);
    *row++ = value_of(site->live_bytes);
    *row++ = value_boolean(site->pool);
    *row = stack;
}

static struct result *leaks_finish(void *state)
{
    const struct replay *replay = state;
    struct result *result = result_new("leaks", columns, COLUMNS);
    struct stack_copier copier = stack_copier_new(replay, result);
    uint32_t *sites = memory_new(replay->site_count, sizeof(*sites));
    size_t count = 0;

    for (uint32_t i = 1; i < replay->site_count; i++)
        if (replay->sites[i].live_blocks) sites[count++] = i;
    if (count) qsort_r(sites, count, sizeof(*sites), compare_sites, state);
    for (size_t i = 0; i < count; i++)
        add_leak(result, &copier, &replay->sites[sites[i]]);
    free(sites);
    stack_copier_free(&copier);
    return result;
}

const struct reducer reduce_leaks = {"leaks", leaks_begin, NULL, leaks_finish};
