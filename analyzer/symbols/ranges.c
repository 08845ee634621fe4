#include "symbols/ranges.h"

#include <stdlib.h>
#include "util/memory.h"

#define LOOK_BACK 16

void ranges_add(struct ranges *ranges, struct range range)
{
    if (range.low >= range.high) return;
    ranges->items = memory_grow(ranges->items, &ranges->capacity, ranges->count, sizeof *ranges->items);
    ranges->items[ranges->count++] = range;
}

static int range_compare(const void *left, const void *right)
{
    const struct range *a = left, *b = right;
    if (a->low != b->low) return a->low < b->low ? -1 : 1;
    if (a->high != b->high) return a->high > b->high ? -1 : 1;
    if (a->value != b->value) return a->value < b->value ? -1 : 1;
    return a->unit < b->unit ? -1 : a->unit > b->unit;
}

void ranges_sort(struct ranges *ranges)
{
    if (ranges->count > 1) qsort(ranges->items, ranges->count, sizeof *ranges->items, range_compare);
}

/* How many ranges begin at or below ADDRESS. */
static size_t ranges_count_below(const struct ranges *ranges, uint64_t address)
{
    size_t low = 0, high = ranges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->items[middle].low <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct range *ranges_find(const struct ranges *ranges, uint64_t address)
{
    size_t below = ranges_count_below(ranges, address);
    for (size_t back = 1; back <= LOOK_BACK && back <= below; back++) {
        const struct range *range = &ranges->items[below - back];
        if (address < range->high) return range;
    }
    return NULL;
}

const struct range *ranges_below(const struct ranges *ranges, uint64_t address)
{
    size_t below = ranges_count_below(ranges, address);
    return below > 0 ? &ranges->items[below - 1] : NULL;
}

void ranges_free(struct ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct ranges){0};
}
