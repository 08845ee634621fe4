/* Comma-separated values, RFC 4180 (quoting, one header line), lines ended by a line feed alone.
 * Consumers: gnuplot (plots/), spreadsheets, sqlite3's .import, pandas.
 *
 * Bytes and counts are plain integers, unknown values are empty. The stack column becomes six:
 * label, function, file, line, module of the innermost frame that is not an allocator's (label: in short, for
 * charts), and the whole stack as "outer;...;inner". With several traces the first column names the trace.
 * Behind a column X of estimates from a sampled trace stand X_low and X_high, the ends of their 95 %
 * intervals; for exact values, of another trace of the command, both are the value. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "renderers/frames.h"
#include "renderers/numbers.h"
#include "renderers/renderer.h"

static void csv_text(struct output *output, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        output_text(output, text);
        return;
    }
    output_text(output, "\"");
    for (const char *quote; (quote = strchr(text, '"')) != NULL; text = quote + 1) {
        output_bytes(output, text, (size_t)(quote - text));
        output_text(output, "\"\"");
    }
    output_text(output, text);
    output_text(output, "\"");
}

/* The label has neither quotes nor backslashes and stands in front: gnuplot loses count of the columns behind
 * a doubled quote, and takes "\\n" for a new line. */
static void csv_label(struct output *output, const struct symbol_frame *site)
{
    char *label = frame_label(site);
    for (char *at = label; *at != '\0'; at++) {
        if (*at == '"') *at = '\'';
        if (*at == '\\') *at = '/';
    }
    csv_text(output, label);
    free(label);
}

static void csv_stack(struct output *output, const struct frame_list *list)
{
    static const struct symbol_frame nothing = {.function = "[no stack]"};
    const struct symbol_frame *site = list->count > 0 ? list->frames[frames_site(list)] : &nothing;
    csv_label(output, site);
    output_text(output, ",");
    csv_text(output, list->count > 0 ? site->function : "");
    output_text(output, ",");
    csv_text(output, site->file != NULL ? site->file : "");
    output_text(output, ",");
    if (site->line != 0) output_print(output, "%" PRIu32, site->line);
    output_text(output, ",");
    csv_text(output, site->module != NULL ? site->module : "");
    output_text(output, ",");
    char *folded = frames_folded(list);
    csv_text(output, folded);
    free(folded);
}

static void csv_value(struct output *output, const struct result_column *column,
                      const struct result_value *value, struct frames *frames)
{
    if (value->is_null) {
        output_text(output, column->type == VALUE_STACK ? ",,,,," : "");
        return;
    }
    if (number_print_value(output, column->type, value)) return;
    if (column->type == VALUE_TEXT) {
        csv_text(output, value->text);
        return;
    }
    struct frame_list list = frames_of_stack(frames, value->stack);
    csv_stack(output, &list);
}

static void csv_interval(struct output *output, const struct result *result, size_t row, size_t index)
{
    const struct result_column *column = &result->columns[index];
    struct interval_values ends = number_interval(result, row, index);
    output_text(output, ",");
    if (!ends.low.is_null) number_print_value(output, column->type, &ends.low);
    output_text(output, ",");
    if (!ends.high.is_null) number_print_value(output, column->type, &ends.high);
}

static void csv_header(const struct result *result, const struct render_context *context)
{
    if (context->trace_count > 1) output_text(context->output, "trace,");
    for (size_t i = 0; i < result->column_count; i++) {
        const struct result_column *column = &result->columns[i];
        output_text(context->output,
                    column->type == VALUE_STACK ? "label,function,file,line,module,stack" : column->name);
        if (result_column_is_estimated(result, i))
            output_print(context->output, ",%s_low,%s_high", column->name, column->name);
        output_text(context->output, i + 1 < result->column_count ? "," : "\n");
    }
}

static void csv_render(const struct result *result, const struct render_context *context)
{
    struct frames *frames = frames_new(result, context->symbolizer);
    if (context->trace_index == 0) csv_header(result, context);
    for (size_t row = 0; row < result->row_count && !output_failed(context->output); row++) {
        if (context->trace_count > 1) {
            csv_text(context->output, context->trace_path);
            output_text(context->output, ",");
        }
        for (size_t i = 0; i < result->column_count; i++) {
            csv_value(context->output, &result->columns[i], &result->values[row * result->column_count + i],
                      frames);
            if (result_column_is_estimated(result, i)) csv_interval(context->output, result, row, i);
            output_text(context->output, i + 1 < result->column_count ? "," : "\n");
        }
    }
    frames_free(frames);
}

const struct renderer render_csv = {"csv", "comma-separated values (RFC 4180), plain integers", csv_render};
