/* sizes: one row for each requested size; size_histogram: the same by powers of two, for the chart.
 * Memory follows the distinct sizes that were requested. */
#include <stdlib.h>
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
};

static void *sizes_begin(const struct replay *replay, const struct analysis_options *options)
{
    struct size_table *t = memory_new(1, sizeof(*t));

    (void)replay;
    (void)options;
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

static struct result *sizes_finish(void *state)
{
    struct result *result = result_new("sizes", size_columns, sizeof(size_columns) / sizeof(size_columns[0]));
    size_t count;
    struct size_count *sorted = sorted_counts(state, &count);

    for (size_t i = 0; i < count; i++) {
        struct result_value *row = result_add_row(result);
        row[0] = value_of(sorted[i].size);
        row[1] = value_of(sorted[i].allocations);
        row[2] = value_of(sorted[i].frees);
        row[3] = value_of(sorted[i].allocations - sorted[i].frees);
    }
    free(sorted);
    table_free(state);
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

struct histogram_bucket {
    uint64_t allocations, allocated_bytes, live_bytes;
};

/* 0, 1, 2-3, 4-7, ...: the number of a size's bits. */
static unsigned bucket_of(uint64_t size)
{
    return size ? 64 - (unsigned)__builtin_clzll(size) : 0;
}

/* Rows from the smallest to the greatest size that was requested, without gaps: a chart needs the zeros. */
static void add_buckets(struct result *result, const struct histogram_bucket *buckets, unsigned first,
                        unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        struct result_value *row = result_add_row(result);
        row[0] = value_of(i ? (uint64_t)1 << (i - 1) : 0);
        row[1] = value_of(i ? ((uint64_t)1 << (i - 1)) * 2 - 1 : 0);
        row[2] = value_of(buckets[i].allocations);
        row[3] = value_of(buckets[i].allocated_bytes);
        row[4] = value_of(buckets[i].live_bytes);
    }
}

static struct result *histogram_finish(void *state)
{
    struct result *result = result_new("size_histogram", histogram_columns,
                                       sizeof(histogram_columns) / sizeof(histogram_columns[0]));
    struct histogram_bucket buckets[65] = {0};
    size_t count;
    struct size_count *sorted = sorted_counts(state, &count);

    for (size_t i = 0; i < count; i++) {
        struct histogram_bucket *bucket = &buckets[bucket_of(sorted[i].size)];
        bucket->allocations += sorted[i].allocations;
        bucket->allocated_bytes += sorted[i].allocations * sorted[i].size;
        bucket->live_bytes += (sorted[i].allocations - sorted[i].frees) * sorted[i].size;
    }
    if (count) add_buckets(result, buckets, bucket_of(sorted[0].size), bucket_of(sorted[count - 1].size));
    free(sorted);
    table_free(state);
    return result;
}

const struct reducer reduce_size_histogram = {"size_histogram", sizes_begin, sizes_event, histogram_finish};
