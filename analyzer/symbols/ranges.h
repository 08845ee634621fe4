/* Address ranges and what they belong to, searched by address. */
#ifndef ANALYZER_SYMBOLS_RANGES_H
#define ANALYZER_SYMBOLS_RANGES_H

#include <stddef.h>
#include <stdint.h>

struct range {
    uint64_t low, high; /* addresses low .. high - 1 */
    uint64_t value;     /* what it is of: an offset, an index; the owner's */
    size_t unit;        /* a second such */
};

struct ranges { /* all zero: empty */
    struct range *items;
    size_t count, capacity;
};

/* Ranges without an address are not taken. */
void ranges_add(struct ranges *ranges, struct range range);
/* To be called once, between adding and finding. Ranges that begin together stay with the widest first, then
 * in the order of value and unit. */
void ranges_sort(struct ranges *ranges);
/* The innermost range that has ADDRESS: the last of those that begin at or below it. Looks at the 16 that
 * begin nearest: functions nest little. NULL: none. */
const struct range *ranges_find(const struct ranges *ranges, uint64_t address);
/* The last range that begins at or below ADDRESS, whether it has it or not. NULL: none. */
const struct range *ranges_below(const struct ranges *ranges, uint64_t address);
void ranges_free(struct ranges *ranges);

#endif
