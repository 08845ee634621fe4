/* What metrics says of the heap of a sampled trace: estimates, each with its interval. */
#ifndef ANALYZER_REDUCERS_METRICS_ESTIMATES_H
#define ANALYZER_REDUCERS_METRICS_ESTIMATES_H

#include "reducers/level.h"
#include "replay/replay.h"
#include "results/result.h"

/* The columns of metrics that hold estimates, ended by NULL. */
extern const char *const metrics_estimated_columns[];

struct metrics_estimates {
    const struct replay *replay;
    struct level live, low, high; /* the estimate of live bytes and its interval's ends, over time */
    struct estimate baseline;     /* live bytes then */
};

/* REPLAY may be of a trace that is not sampled; nothing is done then. */
void metrics_estimates_begin(struct metrics_estimates *estimates, const struct replay *replay,
                             uint64_t start);
/* The heap has changed. */
void metrics_estimates_event(struct metrics_estimates *estimates, uint64_t ticks);
void metrics_estimates_baseline(struct metrics_estimates *estimates, uint64_t ticks);
/* Fill the first row of RESULT, metrics' own, and release what ESTIMATES holds. */
void metrics_estimates_finish(struct metrics_estimates *estimates, struct result *result, uint64_t end);

#endif
