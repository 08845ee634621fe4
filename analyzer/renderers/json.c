/* JSON, RFC 8259; written as it goes, strings escaped by jansson. Consumers: jq, python, dashboards.
 *
 * One object a trace; several traces: an array of them, each with a member "trace". A single-row result is
 * its object; a table is the member named after it, an array with one object a row. Integers have all their
 * 64 bits. Beside an estimate X of a sampled trace stand X_low and X_high, the ends of its 95 % interval,
 * null where there is none. Bytes that are not UTF-8 (a path may have any) become U+FFFD. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "renderers/frames.h"
#include "renderers/numbers.h"
#include "renderers/renderer.h"
#include "util/memory.h"

/* The length of the valid UTF-8 sequence that TEXT begins with, 0: none. Unicode 15, table 3-7. */
static size_t utf8_length(const unsigned char *text)
{
    unsigned char first = text[0], low = 0x80, high = 0xbf;
    size_t length = first < 0x80   ? 1
                    : first < 0xc2 ? 0
                    : first < 0xe0 ? 2
                    : first < 0xf0 ? 3
                    : first < 0xf5 ? 4
                                   : 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < length; i++) {
        if (text[i] < low || text[i] > high) return 0;
        low = 0x80, high = 0xbf;
    }
    return length;
}

static int json_write(const char *bytes, size_t size, void *output)
{
    output_bytes(output, bytes, size);
    return 0;
}

static void json_text(struct output *output, const char *text)
{
    char *valid = memory_new(strlen(text) * 3 + 1, 1), *end = valid;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t length = utf8_length(at);
        memcpy(end, length > 0 ? (const char *)at : "\xef\xbf\xbd", length > 0 ? length : 3);
        end += length > 0 ? length : 3;
        at += length > 0 ? length : 1;
    }
    json_t *string = json_stringn_nocheck(valid, (size_t)(end - valid));
    if (string == NULL || json_dump_callback(string, json_write, output, JSON_ENCODE_ANY) != 0)
        memory_exhausted("a JSON text"); /* valid UTF-8 has no other reason */
    json_decref(string);
    free(valid);
}

static void json_text_or_null(struct output *output, const char *text)
{
    if (text != NULL)
        json_text(output, text);
    else
        output_text(output, "null");
}

static void json_frame(struct output *output, const struct symbol_frame *frame)
{
    output_text(output, "{\"function\": ");
    json_text(output, frame->function);
    output_text(output, ", \"file\": ");
    json_text_or_null(output, frame->file);
    if (frame->line != 0)
        output_print(output, ", \"line\": %" PRIu32 ", \"module\": ", frame->line);
    else
        output_text(output, ", \"line\": null, \"module\": ");
    json_text_or_null(output, frame->module);
    if (frame->inlined) output_text(output, ", \"inlined\": true");
    if (frame->note != NULL) {
        output_text(output, ", \"note\": ");
        json_text(output, frame->note);
    }
    output_text(output, "}");
}

static void json_stack(struct output *output, const struct frame_list *list)
{
    output_text(output, "[");
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) output_text(output, ", ");
        json_frame(output, list->frames[i]);
    }
    output_text(output, "]");
    if (list->truncated) output_text(output, ", \"stack_truncated\": true");
}

static void json_value(struct output *output, enum value_type type, const struct result_value *value,
                       struct frames *frames)
{
    if (value->is_null) {
        output_text(output, "null");
        return;
    }
    if (number_print_value(output, type, value)) return;
    if (type == VALUE_TEXT) {
        json_text(output, value->text);
        return;
    }
    struct frame_list list = frames_of_stack(frames, value->stack);
    json_stack(output, &list);
}

static void json_interval(const struct result *result, size_t row, size_t index, struct output *output,
                          struct frames *frames, const char *separator)
{
    const struct result_column *column = &result->columns[index];
    struct interval_values ends = number_interval(result, row, index);
    output_print(output, "%s\"%s_low\": ", separator, column->name);
    json_value(output, column->type, &ends.low, frames);
    output_print(output, "%s\"%s_high\": ", separator, column->name);
    json_value(output, column->type, &ends.high, frames);
}

static void json_row(const struct result *result, size_t row, struct output *output, struct frames *frames,
                     const char *separator)
{
    for (size_t i = 0; i < result->column_count; i++) {
        const struct result_column *column = &result->columns[i];
        output_print(output, "%s\"%s\": ", i > 0 ? separator : "", column->name);
        json_value(output, column->type, &result->values[row * result->column_count + i], frames);
        if (result_column_is_estimated(result, i)) json_interval(result, row, i, output, frames, separator);
    }
}

static void json_trace(const struct result *result, const struct render_context *context,
                       struct frames *frames)
{
    struct output *output = context->output;
    output_text(output, "{");
    if (context->trace_count > 1) {
        output_text(output, "\"trace\": ");
        json_text(output, context->trace_path);
        output_text(output, ",");
    }
    output_text(output, "\n  ");
    if (result->single_row) {
        if (result->row_count > 0) json_row(result, 0, output, frames, ",\n  ");
    } else {
        output_print(output, "\"%s\": [", result->name);
        for (size_t row = 0; row < result->row_count && !output_failed(output); row++) {
            output_text(output, row > 0 ? ",\n    {" : "\n    {");
            json_row(result, row, output, frames, ", ");
            output_text(output, "}");
        }
        output_text(output, result->row_count > 0 ? "\n  ]" : "]");
    }
    output_text(output, "\n}");
}

static void json_render(const struct result *result, const struct render_context *context)
{
    struct frames *frames = frames_new(result, context->symbolizer);
    if (context->trace_count > 1) output_text(context->output, context->trace_index == 0 ? "[\n" : ",\n");
    json_trace(result, context, frames);
    output_text(context->output, context->trace_count > 1 && context->trace_index + 1 == context->trace_count
                                     ? "\n]\n"
                                 : context->trace_count > 1 ? ""
                                                            : "\n");
    frames_free(frames);
}

const struct renderer render_json = {"json", "one object a trace, several traces an array; 64-bit integers",
                                     json_render};
