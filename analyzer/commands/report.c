/* memtrace report: what a person wants to see first, on one screen. */
#include "commands/command.h"
#include "commands/traces.h"
#include "util/report_error.h"

struct report_options {
    const char *output;
    uint64_t top;
};

static const struct option_entry entries[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct report_options, output), "FILE",
     "write there instead of to standard output", NULL},
    {"top", 'n', OPTION_COUNT, offsetof(struct report_options, top), "N", "sites shown (default 5)", NULL},
};

static const struct options_usage usage = {
    .command = "report",
    OPERANDS_TRACES,
    .help = "What ran and how it ended, the peak and what stood behind it, what was left, on one screen",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
};

enum { METRICS, SITES, LEAKS, RESULTS };
static const char *const reducers[RESULTS] = {"metrics", "sites", "leaks"};

static int report_trace(struct trace *trace, struct render_context *context)
{
    struct result *results[RESULTS];
    int status = analysis_run(trace, reducers, RESULTS, NULL, results);
    if (status != 0) return status;
    const struct trace_header *header = trace_header(trace);
    struct report_facts facts = {
        .metrics = results[METRICS],
        .sites = results[SITES],
        .leaks = results[LEAKS],
        .started_ns = (int64_t)header->start_realtime_ns,
        .has_events = trace_record_bytes(trace) > 0,
        .still_running = header->exit.kind == TRACE_EXIT_NONE && trace_process_runs(trace),
        .fork_child = (header->flags & TRACE_FLAG_FORK_CHILD) != 0,
        .sandboxed = (header->flags & TRACE_FLAG_SECCOMP_INHERITED) != 0,
        .damaged_chunks = trace_damaged_chunks(trace),
    };
    context->trace_path = trace_path(trace);
    render_report(&facts, context);
    for (size_t i = 0; i < RESULTS; i++)
        result_free(results[i]);
    return 0;
}

static int run(int argc, char **argv)
{
    struct report_options options = {.top = 5};
    size_t count;
    enum options_outcome outcome = options_parse(&usage, &options, argc, argv, &count);
    if (outcome != OPTIONS_READY) return outcome == OPTIONS_HELPED ? 0 : EXIT_TROUBLE;
    struct trace **traces;
    int status = traces_open(argv + 1, count, &traces);
    if (status != 0) return status;
    struct output *output = output_open(options.output);
    if (output == NULL) {
        traces_close(traces, count);
        return EXIT_TROUBLE;
    }
    struct render_context context = {
        .symbolizer = symbolizer_new(), .output = output, .trace_count = count, .top = options.top};
    for (size_t i = 0; i < count && status == 0; i++) {
        context.trace_index = i;
        status = report_trace(traces[i], &context);
    }
    symbolizer_free(context.symbolizer);
    traces_close(traces, count);
    int written = output_close(output);
    return status != 0 ? status : written;
}

const struct command command_report = {"report", "one screen: what ran, its peak, its sites, what was left",
                                       run};
