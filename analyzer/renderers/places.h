/* A result with stacks, its rows added up by place: the innermost frame that is not an allocator's.
 * A function that is reached in a thousand ways has a thousand stacks; in a chart or a summary it is one. */
#ifndef ANALYZER_RENDERERS_PLACES_H
#define ANALYZER_RENDERERS_PLACES_H

#include "results/result.h"
#include "symbols/symbolizer.h"

/* A new result with RESULT's columns, for result_free. Integers are summed, estimates with their
 * intervals; the other values, the stack among
 * them, are those of the place's first row, which is the largest where RESULT is sorted. Sorted by the
 * integer column KEY, descending; equal ones stay in the order of their first rows. */
struct result *places_of(const struct result *result, struct symbolizer *symbolizer, const char *key);

#endif
