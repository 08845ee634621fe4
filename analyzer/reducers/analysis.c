#include "reducers/analysis.h"

#include <stdlib.h>
#include <string.h>
#include "reader/order.h"
#include "reducers/reducer.h"
#include "util/memory.h"
#include "util/progress.h"
#include "util/report_error.h"

struct run {
    const struct reducer *reducer;
    void *state;
};

static const struct reducer *find_reducer(const char *name)
{
    for (size_t i = 0; i < reducer_count; i++)
        if (strcmp(reducers[i]->name, name) == 0) return reducers[i];
    return NULL;
}

static int find_reducers(struct run *runs, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        runs[i].reducer = find_reducer(names[i]);
        if (!runs[i].reducer) {
            report_error("there is no result named '%s'; ask for metrics, sites or another one of --help",
                         names[i]);
            return EXIT_TROUBLE;
        }
    }
    return 0;
}

static void feed_events(struct trace *trace, struct replay *replay, const struct run *runs, size_t count)
{
    struct event_stream *stream = event_stream_open(trace);
    struct event event;
    struct replay_step step;

    while (event_stream_next(stream, &event)) {
        replay_apply(replay, &event, &step);
        for (size_t i = 0; i < count; i++)
            if (runs[i].reducer->event) runs[i].reducer->event(runs[i].state, &event, &step);
        if (replay->events % 16384 == 0) progress_update(trace_progress(stream));
    }
    event_stream_close(stream);
}

int analysis_run(struct trace *trace, const char *const *reducer_names, size_t count,
                 const struct analysis_options *options, struct result **results)
{
    static const struct analysis_options defaults;
    struct run *runs = memory_new(count, sizeof(*runs));
    struct replay *replay;
    char *what;

    if (find_reducers(runs, reducer_names, count)) {
        free(runs);
        return EXIT_TROUBLE;
    }
    what = memory_format("reading '%s'", trace_path(trace));
    progress_begin(what);
    replay = replay_new(trace);
    if (options && options->intervals) replay->intervals = true;
    for (size_t i = 0; i < count; i++)
        runs[i].state = runs[i].reducer->begin(replay, options ? options : &defaults);
    feed_events(trace, replay, runs, count);
    for (size_t i = 0; i < count; i++)
        results[i] = runs[i].reducer->finish(runs[i].state);
    progress_end();
    replay_free(replay);
    free(what);
    free(runs);
    return 0;
}
