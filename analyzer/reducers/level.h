/* A quantity that stays as it is between changes (live bytes; RSS from one sample to the next), over time:
 * its mean, percentiles and slope, each weighted by time, in memory that does not grow. Times are ticks.
 *
 * Percentiles are nearest rank over time: the p-th is the least value v that the quantity really had, such
 * that it was at or below v for at least p % of the time. Up to 65,536 ranges of equal width are told apart,
 * each with its greatest value: exact while the ranges are 1 wide, else too high by less than 1/32768 of the
 * greatest value.
 *
 * The slope is Theil and Sen's: the median of the slopes between all pairs of up to 256 points, the
 * quantity's means over equal stretches of time since the last level_restart. Its interval is Sen's (1968),
 * at 95 %, from Kendall's variance. It takes the points as independent of each other; where the quantity
 * moves slowly the true interval is wider. */
#ifndef ANALYZER_REDUCERS_LEVEL_H
#define ANALYZER_REDUCERS_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEVEL_POINTS       256
#define LEVEL_POINTS_LEAST 8 /* fewer give no slope */

struct level_range { /* values of one range */
    uint64_t ticks, greatest;
};

struct level_series { /* means over stretches of 1 << shift ticks since `start` */
    uint64_t start;
    unsigned shift;
    double sums[LEVEL_POINTS];
    uint64_t ticks[LEVEL_POINTS]; /* how much of each stretch is known */
};

struct level {
    bool known; /* has it a value yet? */
    uint64_t value, since;
    struct level_range *ranges;
    unsigned range_shift;
    double integral;
    uint64_t covered;
    struct level_series series;
};

/* Private: account for the time from `since` to TICKS. */
void level_hold(struct level *level, uint64_t ticks);

/* From TICKS on it is VALUE. Ticks that go back count as no time. */
static inline void level_set(struct level *level, uint64_t ticks, uint64_t value)
{
    if (!level->known || ticks > level->since) level_hold(level, ticks);
    level->value = value;
}

/* The slope's series begins anew at TICKS. */
void level_restart(struct level *level, uint64_t ticks);
void level_free(struct level *level);

/* After a last level_hold. False: it never had a value (percentile, mean), or too few points (slope). */
bool level_mean(const struct level *level, double *mean);
bool level_percentile(const struct level *level, unsigned percent, uint64_t *value);
struct level_slope {
    double slope, low, high; /* units of the quantity a tick */
};
bool level_find_slope(const struct level *level, struct level_slope *slope);

#endif
