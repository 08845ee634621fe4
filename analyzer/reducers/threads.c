/* threads: what every thread allocated and freed, in the order in which they appeared. A block may be freed
 * by another thread than the one that allocated it: frees count where they happen. */
#include "reducers/estimated.h"
#include "reducers/reducer.h"

static const struct result_column columns[] = {
    {"thread", VALUE_INTEGER, UNIT_NONE, "thread"},
    {"tid", VALUE_INTEGER, UNIT_NONE, "tid"},
    {"allocations", VALUE_INTEGER, UNIT_COUNT, "allocations"},
    {"frees", VALUE_INTEGER, UNIT_COUNT, "frees"},
    {"allocated_bytes", VALUE_INTEGER, UNIT_BYTES, "allocated"},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static const char *const estimated[] = {"allocations", "frees", "allocated_bytes", NULL};

static void estimate_thread(struct result *result, const struct replay *replay, size_t thread)
{
    const struct heap_estimates *estimates = &replay->thread_estimates[thread];
    struct interval_basis allocations = estimated_all_events(replay, &replay->heap, &estimates->allocations);
    struct interval_basis frees = estimated_all_events(replay, &replay->heap, &estimates->frees);
    struct interval_basis bytes = estimated_bytes(replay, &estimates->allocated_bytes);

    result_set_estimate(result, thread, 2, &allocations);
    result_set_estimate(result, thread, 3, &frees);
    result_set_estimate(result, thread, 4, &bytes);
}

static void *threads_begin(const struct replay *replay, const struct analysis_options *options)
{
    (void)options;
    return (void *)(uintptr_t)replay;
}

static struct result *threads_finish(void *state)
{
    const struct replay *replay = state;
    struct result *result = result_new("threads", columns, COLUMNS);

    if (replay->intervals) result_begin_estimates(result, replay->rate_bytes, estimated);
    for (size_t i = 0; i < replay->thread_count; i++) {
        const struct replay_thread *thread = &replay->threads[i];
        struct result_value *row = result_add_row(result);
        row[0] = value_of(thread->serial);
        if (thread->tid) row[1] = value_of(thread->tid);
        row[2] = value_of(thread->allocations);
        row[3] = value_of(thread->frees);
        row[4] = value_of(thread->allocated_bytes);
        if (replay->rate_bytes) estimate_thread(result, replay, i);
    }
    return result;
}

const struct reducer reduce_threads = {"threads", threads_begin, NULL, threads_finish};
