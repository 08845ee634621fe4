/* A quantity's course over time in bounded memory, keeping what a chart must not lose: of every stretch of
 * time its least, its greatest and its last point. Stretches double when time runs out of them. */
#ifndef ANALYZER_REDUCERS_CURVE_H
#define ANALYZER_REDUCERS_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "replay/estimate.h"

struct curve_point {
    uint64_t ticks;
    uint64_t sequence; /* of the event: orders points of one moment */
    uint64_t value;    /* what the curve is of */
    uint64_t live_bytes, live_blocks, allocated_bytes, allocations;
    uint64_t rss_bytes;      /* 0: no sample */
    uint64_t recorder_bytes; /* of rss_bytes; 0: unknown */
    const char *mark;        /* NULL: no mark */
    /* Of a sampled trace, in the order live bytes, live blocks, allocated bytes, allocations. */
    struct estimate estimates[4];
};

struct curve_stretch {
    bool filled;
    struct curve_point least, greatest, last; /* of equal ones the first */
};

struct curve {
    uint64_t start;
    unsigned shift; /* a stretch has 1 << shift ticks */
    size_t count;   /* stretches; even */
    struct curve_stretch *stretches;
};

struct curve curve_new(uint64_t start, size_t stretches);
void curve_free(struct curve *curve);
/* Points come in the order of their ticks. */
void curve_add(struct curve *curve, const struct curve_point *point);
/* At most 3 points a stretch, in order, each once, into POINTS; how many. */
size_t curve_points(const struct curve *curve, struct curve_point *points);

#endif
