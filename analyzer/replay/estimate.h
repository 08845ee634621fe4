/* Sums over what a sampled trace recorded, as estimates of the sums over all that happened. An event of a
 * block of s bytes was recorded with probability p = 1 - exp(-s / rate), so it stands for 1 / p of its kind
 * (Horvitz and Thompson, 1952: unbiased for any p above 0). The variance is estimated, without bias either,
 * by the sum of (1 - p) / p^2 * v^2, since what was recorded are independent trials.
 * Source: docs/trace-format.md, "Sampled traces". */
#ifndef ANALYZER_REPLAY_ESTIMATE_H
#define ANALYZER_REPLAY_ESTIMATE_H

#include <math.h>
#include <stdint.h>

struct estimate {
    double total;    /* of v / p */
    double variance; /* of total */
    double recorded; /* of v: what there was at least */
};

/* What blocks of one size stand for. */
struct weight {
    double each;     /* 1 / p; 1 in a trace of everything */
    double variance; /* (1 - p) / p^2 */
};

/* RATE in bytes, 0: everything was recorded. A size of 0 was sampled as 1. */
static inline struct weight weight_of(uint64_t size, uint64_t rate)
{
    double p, missed;

    if (!rate) return (struct weight){1, 0};
    missed = exp(-(double)(size ? size : 1) / (double)rate);
    p = -expm1(-(double)(size ? size : 1) / (double)rate);
    return (struct weight){1 / p, missed / (p * p)};
}

/* How large one more event could be, as a standard deviation, of those that were not recorded: an interval's
 * upper end allows for it. Of events of LEAST bytes or more: the root of weight's variance, which falls with
 * size. Of their bytes: size times that, which is below the rate whatever the size. */
static inline double weight_heaviest(uint64_t least, uint64_t rate)
{
    return sqrt(weight_of(least, rate).variance);
}

static inline void estimate_add(struct estimate *sum, double value, struct weight weight)
{
    sum->total += value * weight.each;
    sum->variance += value * value * weight.variance;
    sum->recorded += value;
}

/* Take back what was added. Where nothing is left, nothing is: sums of reals would keep a rest. */
static inline void estimate_subtract(struct estimate *sum, double value, struct weight weight)
{
    sum->recorded -= value;
    sum->total = fmax(sum->total - value * weight.each, 0);
    sum->variance = fmax(sum->variance - value * value * weight.variance, 0);
    if (sum->recorded <= 0) *sum = (struct estimate){0, 0, 0};
}

#endif
