/* sizes: one row for each requested size; size_histogram: the same by powers of two, for the chart.
 * Memory follows the distinct sizes that were requested. Of a sampled trace: the sizes that had a sample, and
 * the estimates of their counts, all of whose samples stand for the same. */
#include <stdlib.h>
#include "reducers/estimated.h"
#include "reducers/reducer.h"
#include "replay/hash.h"
#include "util/memory.h"

struct size_count {
    uint64_t size, allocations, frees;
    bool filled;
};

/* Small sizes, which are nearly all, have places of their own; the others an open-addressing table. */
#define SMALL_SIZES 4096u

struct size_table {
    struct size_count small[SMALL_SIZES];
    struct size_count *places;
    size_t capacity, used; /* a power of two */
    uint64_t key;
    const struct replay *replay;
};

static void *sizes_begin(const struct replay *replay, const struct analysis_options *options)
{
    struct size_table *t = memory_new(1, sizeof(*t));

    (void)options;
    t->replay = replay;
    t->key = hash_key();
    t->capacity = 1024;
    t->places = memory_new(t->capacity, sizeof(*t->places));
    return t;
}

static struct size_count *place_of(const struct size_table *t, uint64_t size)
{
    size_t place = hash_mix(size, t->key) & (t->capacity - 1);

    while (t->places[place].filled && t->places[place].size != size)
        place = (place + 1) & (t->capacity - 1);
    return &t->places[place];
}

static void table_double(struct size_table *t)
{
    struct size_count *old = t->places;
    size_t capacity = t->capacity;

    t->capacity *= 2;
    t->places = memory_new(t->capacity, sizeof(*t->places));
    for (size_t i = 0; i < capacity; i++)
        if (old[i].filled) *place_of(t, old[i].size) = old[i];
    free(old);
}

static struct size_count *count_of(struct size_table *t, uint64_t size)
{
    struct size_count *count;

    if (size < SMALL_SIZES) {
        count = &t->small[size];
    } else {
        if (t->used * 2 >= t->capacity) table_double(t);
        count = place_of(t, size);
        t->used += !count->filled;
    }
    count->size = size;
    count->filled = true;
    return count;
}

static void sizes_event(void *state, const struct event *event, const struct replay_step *step)
{
    struct size_table *t = state;

    (void)event;
    if (step->pool) return;
    /* A block whose free is missing is gone all the same: it counts as freed, or it would live for ever. */
    if (step->displaced) count_of(t, step->displaced_size)->frees++;
    if (step->effect == EFFECT_ALLOCATED)
        count_of(t, step->size)->allocations++;
    else if (step->effect == EFFECT_FREED)
        count_of(t, step->size)->frees++;
    else if (step->effect == EFFECT_RESTORED)
        count_of(t, step->size)->frees--;
}

static int compare_counts(const void *a, const void *b)
{
    const struct size_count *left = a, *right = b;

    return (left->size > right->size) - (left->size < right->size);
}

/* All sizes that were requested, in ascending order; the caller frees. */
static struct size_count *sorted_counts(const struct size_table *t, size_t *count)
{
    struct size_count *sorted = memory_new(SMALL_SIZES + t->used, sizeof(*sorted));

    *count = 0;
    for (size_t i = 0; i < SMALL_SIZES; i++)
        if (t->small[i].filled) sorted[(*count)++] = t->small[i];
    for (size_t i = 0; i < t->capacity; i++)
        if (t->places[i].filled) sorted[(*count)++] = t->places[i];
    qsort(sorted, *count, sizeof(*sorted), compare_counts);
    return sorted;
}

static void table_free(struct size_table *t)
{
    free(t->places);
    free(t);
}

/* --- sizes ------------------------------------------------------------------------------------------ */

static const struct result_column size_columns[] = {
    {"requested_bytes", VALUE_INTEGER, UNIT_BYTES, "requested"},
    {"allocations", VALUE_INTEGER, UNIT_COUNT, "allocations"},
    {"frees", VALUE_INTEGER, UNIT_COUNT, "frees"},
    {"live_blocks", VALUE_INTEGER, UNIT_COUNT, "live blocks"},
};

static const char *const size_estimated[] = {"allocations", "frees", "live_blocks", NULL};

/* What COUNT events of blocks of SIZE bytes stand for: as events, or (VALUE is SIZE) as bytes. */
static struct estimate estimate_of(const struct replay *replay, uint64_t size, uint64_t count, double value)
{
    struct weight weight = weight_of(size, replay->rate_bytes);

    return (struct estimate){.total = (double)count * value * weight.each,
                             .variance = (double)count * value * value * weight.variance,
                             .recorded = (double)count * value};
}

static void estimate_size(struct result *result, const struct replay *replay, const struct size_count *size)
{
    const uint64_t counts[] = {size->allocations, size->frees, size->allocations - size->frees};

    for (size_t i = 0; i < 3; i++) {
        struct estimate estimate = estimate_of(replay, size->size, counts[i], 1);
        struct interval_basis basis = estimated_seen(estimated_events(replay, &estimate, size->size));
        result_set_estimate(result, result->row_count - 1, 1 + i, &basis);
    }
}

static struct result *sizes_finish(void *state)
{
    struct size_table *t = state;
    struct result *result = result_new("sizes", size_columns, sizeof(size_columns) / sizeof(size_columns[0]));
    size_t count;
    struct size_count *sorted = sorted_counts(t, &count);

    if (t->replay->intervals) result_begin_estimates(result, t->replay->rate_bytes, size_estimated);
    for (size_t i = 0; i < count; i++) {
        struct result_value *row = result_add_row(result);
        row[0] = value_of(sorted[i].size);
        row[1] = value_of(sorted[i].allocations);
        row[2] = value_of(sorted[i].frees);
        row[3] = value_of(sorted[i].allocations - sorted[i].frees);
        if (t->replay->rate_bytes) estimate_size(result, t->replay, &sorted[i]);
    }
    free(sorted);
    table_free(t);
    return result;
}

const struct reducer reduce_sizes = {"sizes", sizes_begin, sizes_event, sizes_finish};

/* --- size_histogram --------------------------------------------------------------------------------- */

static const struct result_column histogram_columns[] = {
    {"low_bytes", VALUE_INTEGER, UNIT_BYTES, "from"},
    {"high_bytes", VALUE_INTEGER, UNIT_BYTES, "to"},
    {"allocations", VALUE_INTEGER, UNIT_COUNT, "allocations"},
    {"allocated_bytes", VALUE_INTEGER, UNIT_BYTES, "allocated"},
    {"live_bytes", VALUE_INTEGER, UNIT_BYTES, "live"},
};

static const char *const histogram_estimated[] = {"allocations", "allocated_bytes", "live_bytes", NULL};

struct histogram_bucket {
    uint64_t allocations, allocated_bytes, live_bytes;
    struct estimate estimates[3]; /* the same of a sampled trace */
};

/* 0, 1, 2-3, 4-7, ...: the number of a size's bits. */
static unsigned bucket_of(uint64_t size)
{
    return size ? 64 - (unsigned)__builtin_clzll(size) : 0;
}

static void estimate_bucket(struct result *result, const struct replay *replay,
                            const struct histogram_bucket *bucket, uint64_t least)
{
    for (size_t i = 0; i < 3; i++) {
        struct interval_basis basis = i == 0 ? estimated_events(replay, &bucket->estimates[i], least)
                                             : estimated_bytes(replay, &bucket->estimates[i]);
        if (i > 0 && least == 0) basis.heaviest = 0; /* blocks of no bytes have none */
        result_set_estimate(result, result->row_count - 1, 2 + i, &basis);
    }
}

/* Rows from the smallest to the greatest size that was requested, without gaps: a chart needs the zeros. */
static void add_buckets(struct result *result, const struct replay *replay,
                        const struct histogram_bucket *buckets, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        uint64_t least = i ? (uint64_t)1 << (i - 1) : 0;
        struct result_value *row = result_add_row(result);
        row[0] = value_of(least);
        row[1] = value_of(i ? least * 2 - 1 : 0);
        row[2] = value_of(buckets[i].allocations);
        row[3] = value_of(buckets[i].allocated_bytes);
        row[4] = value_of(buckets[i].live_bytes);
        if (replay->rate_bytes) estimate_bucket(result, replay, &buckets[i], least);
    }
}

static void bucket_add(struct histogram_bucket *bucket, const struct replay *replay,
                       const struct size_count *size)
{
    const uint64_t counts[] = {size->allocations, size->allocations, size->allocations - size->frees};

    bucket->allocations += size->allocations;
    bucket->allocated_bytes += size->allocations * size->size;
    bucket->live_bytes += (size->allocations - size->frees) * size->size;
    for (size_t i = 0; i < 3 && replay->rate_bytes; i++) {
        struct estimate more = estimate_of(replay, size->size, counts[i], i == 0 ? 1 : (double)size->size);
        bucket->estimates[i].total += more.total;
        bucket->estimates[i].variance += more.variance;
        bucket->estimates[i].recorded += more.recorded;
    }
}

static struct result *histogram_finish(void *state)
{
    struct size_table *t = state;
    struct result *result = result_new("size_histogram", histogram_columns,
                                       sizeof(histogram_columns) / sizeof(histogram_columns[0]));
    struct histogram_bucket buckets[65] = {0};
    size_t count;
    struct size_count *sorted = sorted_counts(t, &count);

    if (t->replay->intervals) result_begin_estimates(result, t->replay->rate_bytes, histogram_estimated);
    for (size_t i = 0; i < count; i++)
        bucket_add(&buckets[bucket_of(sorted[i].size)], t->replay, &sorted[i]);
    if (count)
        add_buckets(result, t->replay, buckets, bucket_of(sorted[0].size), bucket_of(sorted[count - 1].size));
    free(sorted);
    table_free(t);
    return result;
}

const struct reducer reduce_size_histogram = {"size_histogram", sizes_begin, sizes_event, histogram_finish};
