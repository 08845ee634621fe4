/* One pass over a trace: events from the reader, through replay, to any number of reducers. */
#ifndef ANALYZER_REDUCERS_ANALYSIS_H
#define ANALYZER_REDUCERS_ANALYSIS_H

#include <stdbool.h>
#include <stddef.h>
#include "reader/trace_file.h"
#include "results/result.h"

struct analysis_options {
    size_t timeline_rows; /* at most so many rows of `timeline`; 0: the default, 2,000; at least 16 */
    bool intervals;       /* results have columns of intervals, even if this trace is not sampled */
};

/* Run the reducers named REDUCER_NAMES[0..COUNT) over TRACE; RESULTS[i] is REDUCER_NAMES[i]'s, for
 * result_free. OPTIONS may be NULL: the defaults. Shows progress on stderr (util/progress.h). 0, or
 * EXIT_TROUBLE: reported (no such reducer), and no result is set. */
int analysis_run(struct trace *trace, const char *const *reducer_names, size_t count,
                 const struct analysis_options *options, struct result **results);

/* The names that there are, in the order of the table reducers.c. NULL beyond the last. */
const char *analysis_reducer_name(size_t index);

#endif
