#include "commands/traces.h"

#include <stdlib.h>
#include <string.h>
#include "util/memory.h"
#include "util/report_error.h"
#include "watch/trim.h"

#define TIMELINE_TEXT_ROWS 32 /* a screen */

const char *const format_names[] = {"text", "csv", "json", NULL};

int traces_open(char **paths, size_t count, struct trace ***traces)
{
    *traces = memory_new(count, sizeof **traces);
    for (size_t i = 0; i < count; i++) {
        trim_if_dead(paths[i]);
        if (trace_open(paths[i], &(*traces)[i]) != 0) {
            traces_close(*traces, i);
            return EXIT_TROUBLE;
        }
    }
    return 0;
}

void traces_close(struct trace **traces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        trace_close(traces[i]);
    free(traces);
}

static int render_opened(struct trace **traces, size_t count, const char *reducer,
                         const struct renderer *renderer, const struct table_options *options)
{
    struct output *output = output_open(options->output);
    if (output == NULL) return EXIT_TROUBLE;
    struct render_context context = {.symbolizer = symbolizer_new(),
                                     .output = output,
                                     .trace_count = count,
                                     .top = options->top,
                                     .value_column = options->value};
    struct analysis_options analysis = {.timeline_rows = (size_t)options->rows};
    for (size_t i = 0; i < count; i++)
        analysis.intervals |= trace_header(traces[i])->sampling_rate_bytes != 0;
    if (analysis.timeline_rows == 0 && renderer == &render_text) /* intervals take two lines more each */
        analysis.timeline_rows = analysis.intervals ? TIMELINE_TEXT_ROWS / 2 : TIMELINE_TEXT_ROWS;
    int status = 0;
    for (size_t i = 0; i < count && status == 0 && !output_failed(output); i++) {
        struct result *result = NULL;
        status = analysis_run(traces[i], &reducer, 1, &analysis, &result);
        if (status != 0) break;
        context.trace_path = trace_path(traces[i]);
        context.trace_index = i;
        renderer->render(result, &context);
        if (renderer == &render_text && trace_record_bytes(traces[i]) == 0)
            output_print(output, "'%s' has no events: 'memtrace report' says what to do\n",
                         context.trace_path);
        result_free(result);
    }
    symbolizer_free(context.symbolizer);
    int written = output_close(output);
    return status != 0 ? status : written;
}

int traces_render(char **paths, size_t count, const char *reducer, const struct renderer *renderer,
                  const struct table_options *options)
{
    struct trace **traces;
    int status = traces_open(paths, count, &traces);
    if (status != 0) return status;
    status = render_opened(traces, count, reducer, renderer, options);
    traces_close(traces, count);
    return status;
}

int table_command(const struct options_usage *usage, const char *reducer, struct table_options *options,
                  int argc, char **argv)
{
    size_t count;
    enum options_outcome outcome = options_parse(usage, options, argc, argv, &count);
    if (outcome != OPTIONS_READY) return outcome == OPTIONS_HELPED ? 0 : EXIT_TROUBLE;
    return traces_render(argv + 1, count, reducer, renderer_find(options->format), options);
}
