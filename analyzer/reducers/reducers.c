#include "reducers/reducer.h"

const struct reducer *const reducers[] = {
    &reduce_metrics, &reduce_timeline,       &reduce_sites,   &reduce_leaks,
    &reduce_sizes,   &reduce_size_histogram, &reduce_threads,
};
const size_t reducer_count = sizeof(reducers) / sizeof(reducers[0]);

const char *analysis_reducer_name(size_t index)
{
    return index < reducer_count ? reducers[index]->name : NULL;
}
