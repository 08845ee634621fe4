/* From replay's estimates to results with intervals: for reducers of sampled traces. */
#ifndef ANALYZER_REDUCERS_ESTIMATED_H
#define ANALYZER_REDUCERS_ESTIMATED_H

#include "replay/replay.h"
#include "results/result.h"

/* Blocks that nobody sampled are taken to have this size at least, unless smaller ones were sampled: malloc
 * returns no smaller ones. The smaller a block, the more of its kind can hide. */
#define ESTIMATED_LEAST_BYTES 16u

/* Of bytes: one more sample stands for as many as the rate, or less, whatever the block's size. */
struct interval_basis estimated_bytes(const struct replay *replay, const struct estimate *estimate);
/* Of events, whose blocks have LEAST bytes or more. */
struct interval_basis estimated_events(const struct replay *replay, const struct estimate *estimate,
                                       uint64_t least);
/* Of events among all that TOTALS has: as small as was sampled, or ESTIMATED_LEAST_BYTES. */
struct interval_basis estimated_all_events(const struct replay *replay, const struct heap_totals *totals,
                                           const struct estimate *estimate);

/* BASIS of something that is shown because it was sampled. */
struct interval_basis estimated_seen(struct interval_basis basis);

/* ESTIMATE to the nearest integer: for orders and for what is a level. */
uint64_t estimated_nearest(double estimate);

#endif
