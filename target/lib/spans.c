#include "spans.h"

#include <stdlib.h>

int spans_add(struct arena *arena, struct spans *spans, struct span span)
{
    struct span *items = arena_extend(arena, spans->items, spans->count, &spans->room, sizeof *items);
    if (!items) return -1;
    spans->items = items;
    items[spans->count++] = span;
    return 0;
}

int spans_merge(struct arena *arena, struct spans *taken, const struct spans *found)
{
    struct spans merged = {0};
    size_t next = 0;
    if (!found->count) return 0;
    for (size_t i = 0; i < found->count; i++) {
        struct span span = found->items[i];
        while (next < taken->count && taken->items[next].end <= span.start)
            if (spans_add(arena, &merged, taken->items[next++]) != 0) return -1;
        if (next < taken->count && taken->items[next].start < span.end) continue;
        if (spans_add(arena, &merged, span) != 0) return -1;
    }
    while (next < taken->count)
        if (spans_add(arena, &merged, taken->items[next++]) != 0) return -1;
    *taken = merged;
    return 0;
}

static int span_order(const void *left, const void *right)
{
    const struct span *a = left, *b = right;
    if (a->start != b->start) return a->start < b->start ? -1 : 1;
    return a->rule < b->rule ? -1 : a->rule > b->rule;
}

void spans_settle(struct spans *spans)
{
    size_t kept = 0;
    if (spans->count) qsort(spans->items, spans->count, sizeof *spans->items, span_order);
    for (size_t i = 0; i < spans->count; i++) {
        struct span *last = kept ? &spans->items[kept - 1] : NULL;
        if (!last || spans->items[i].start >= last->end)
            spans->items[kept++] = spans->items[i];
        else if (last->end < spans->items[i].end)
            last->end = spans->items[i].end;
    }
    spans->count = kept;
}
