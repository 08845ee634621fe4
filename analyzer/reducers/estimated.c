#include "reducers/estimated.h"

struct interval_basis estimated_bytes(const struct replay *replay, const struct estimate *estimate)
{
    return (struct interval_basis){
        .total = estimate->total,
        .variance = estimate->variance,
        .heaviest = (double)replay->rate_bytes,
        .recorded = estimate->recorded,
    };
}

struct interval_basis estimated_events(const struct replay *replay, const struct estimate *estimate,
                                       uint64_t least)
{
    struct interval_basis basis = estimated_bytes(replay, estimate);

    basis.heaviest = weight_heaviest(least, replay->rate_bytes);
    return basis;
}

struct interval_basis estimated_all_events(const struct replay *replay, const struct heap_totals *totals,
                                           const struct estimate *estimate)
{
    uint64_t least = totals->estimates.least_bytes;

    return estimated_events(replay, estimate, least < ESTIMATED_LEAST_BYTES ? least : ESTIMATED_LEAST_BYTES);
}

struct interval_basis estimated_seen(struct interval_basis basis)
{
    basis.seen = true;
    return basis;
}

uint64_t estimated_nearest(double estimate)
{
    return estimate < 0x1p63 ? (uint64_t)llround(estimate) : UINT64_MAX;
}
