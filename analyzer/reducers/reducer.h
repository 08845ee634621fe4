/* A reducer turns the events of a trace, and the model that replay makes of them, into one result. It knows
 * no format. Adding one: a new file here, a line in reducers.c, a test. */
#ifndef ANALYZER_REDUCERS_REDUCER_H
#define ANALYZER_REDUCERS_REDUCER_H

#include "reader/event.h"
#include "reducers/analysis.h"
#include "replay/replay.h"
#include "results/result.h"

struct reducer {
    const char *name;
    /* Before the first event. The state is the reducer's own; REPLAY and OPTIONS outlive it. */
    void *(*begin)(const struct replay *replay, const struct analysis_options *options);
    /* After replay applied EVENT; STEP says what it did. NULL: the model at the end is enough. */
    void (*event)(void *state, const struct event *event, const struct replay_step *step);
    /* After the last event: the result, for its caller. Releases STATE. */
    struct result *(*finish)(void *state);
};

/* The table, in the order of analysis_reducer_name. One file each. */
extern const struct reducer *const reducers[];
extern const size_t reducer_count;
extern const struct reducer reduce_metrics, reduce_timeline, reduce_sites, reduce_leaks, reduce_sizes,
    reduce_size_histogram, reduce_threads;

/* For reducers' results: a count or size beyond 2^63-1, which only a damaged trace has, is shown as that. */
static inline struct result_value value_of(uint64_t value)
{
    return value_integer(value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

/* Copies stacks of REPLAY into RESULT, each of its modules once. */
struct stack_copier {
    const struct replay *replay;
    struct result *result;
    uint32_t *modules; /* by replay's module: the result's, or RESULT_NO_MODULE while not copied */
};
struct stack_copier stack_copier_new(const struct replay *replay, struct result *result);
void stack_copier_free(struct stack_copier *copier);
/* The value of a column of type VALUE_STACK. */
struct result_value stack_copier_value(struct stack_copier *copier, uint32_t stack);

#endif
