/* threads: what every thread allocated and freed, in the order in which they appeared. A block may be freed
 * by another thread than the one that allocated it: frees count where they happen. */
#include "reducers/reducer.h"

static const struct result_column columns[] = {
    {"thread", VALUE_INTEGER, UNIT_NONE, "thread"},
    {"tid", VALUE_INTEGER, UNIT_NONE, "tid"},
    {"allocations", VALUE_INTEGER, UNIT_COUNT, "allocations"},
    {"frees", VALUE_INTEGER, UNIT_COUNT, "frees"},
    {"allocated_bytes", VALUE_INTEGER, UNIT_BYTES, "allocated"},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void *threads_begin(const struct replay *replay, const struct analysis_options *options)
{
    (void)options;
    return (void *)(uintptr_t)replay;
}

static struct result *threads_finish(void *state)
{
    const struct replay *replay = state;
    struct result *result = result_new("threads", columns, COLUMNS);

    for (size_t i = 0; i < replay->thread_count; i++) {
        const struct replay_thread *thread = &replay->threads[i];
        struct result_value *row = result_add_row(result);
        row[0] = value_of(thread->serial);
        if (thread->tid) row[1] = value_of(thread->tid);
        row[2] = value_of(thread->allocations);
        row[3] = value_of(thread->frees);
        row[4] = value_of(thread->allocated_bytes);
    }
    return result;
}

const struct reducer reduce_threads = {"threads", threads_begin, NULL, threads_finish};
