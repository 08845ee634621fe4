/* Ranges of a text that rules have matched. */
#ifndef SCANNER_SPANS_H
#define SCANNER_SPANS_H

#include "arena.h"

#include <stddef.h>
#include <stdint.h>

struct span {
    size_t start, end; /* bytes, end exclusive, not empty */
    uint32_t rule;
};
struct spans {
    struct span *items;
    size_t count, room;
};

/* Append SPAN. Returns 0, or -1 out of memory. */
int spans_add(struct arena *arena, struct spans *spans, struct span span);

/* TAKEN together with those of FOUND that overlap none of them; both in ascending order and free of overlaps,
 * and so is the result, in TAKEN. Returns 0, or -1 out of memory. */
int spans_merge(struct arena *arena, struct spans *taken, const struct spans *found);

/* Sort by start, and unite what overlaps under the rule that comes first. */
void spans_settle(struct spans *spans);

#endif
