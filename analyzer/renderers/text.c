/* Tables for people: human units, aligned columns, the first rows and a line of totals; a stack stands
 * below its row. Consumer: the terminal. Not a format for scripts: it may change; csv and json will not. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "renderers/frames.h"
#include "renderers/numbers.h"
#include "renderers/renderer.h"
#include "util/memory.h"
#include "util/units.h"

#define STACK_LINES 16 /* frames shown below a row; the rest is counted */
#define CELL_BYTES  64

/* VALUE as a person reads it. Texts are cut to the cell. */
static const char *text_cell(char cell[CELL_BYTES], const struct result_column *column,
                             const struct result_value *value)
{
    char units[UNITS_TEXT_BYTES];
    if (value->is_null) return "-";
    switch (column->type) {
    case VALUE_TEXT:
        return value->text;
    case VALUE_BOOLEAN:
        return value->boolean ? "yes" : "no";
    case VALUE_STACK:
        return "";
    case VALUE_REAL:
    case VALUE_INTEGER:
        break;
    }
    double real = column->type == VALUE_REAL ? value->real : (double)value->integer;
    int64_t integer = column->type == VALUE_INTEGER ? value->integer : (int64_t)real;
    switch (column->unit) {
    case UNIT_BYTES:
        units_bytes(units, integer);
        break;
    case UNIT_BYTES_PER_HOUR:
        snprintf(cell, CELL_BYTES, "%s/h", units_bytes(units, integer));
        return cell;
    case UNIT_NS:
        units_ns(units, integer);
        break;
    case UNIT_PERCENT:
        units_percent(units, real);
        break;
    case UNIT_COUNT:
        units_count(units, integer);
        break;
    case UNIT_NONE:
        if (column->type == VALUE_REAL)
            snprintf(units, sizeof units, "%.4g", real);
        else
            snprintf(units, sizeof units, "%" PRId64, integer);
        break;
    }
    snprintf(cell, CELL_BYTES, "%s", units);
    return cell;
}

static const char *text_heading(const struct result_column *column)
{
    return column->heading != NULL ? column->heading : column->name;
}

/* Columns that say nothing in any row are left out: no pools, no failed calls. */
static bool column_says_something(const struct result *result, size_t column)
{
    enum value_type type = result->columns[column].type;
    for (size_t row = 0; row < result->row_count; row++) {
        const struct result_value *value = &result->values[row * result->column_count + column];
        if (value->is_null) continue;
        if (type == VALUE_TEXT || (type == VALUE_BOOLEAN && value->boolean) ||
            (type == VALUE_INTEGER && value->integer != 0) || (type == VALUE_REAL && value->real != 0))
            return true;
    }
    return false;
}

static bool column_adds_up(const struct result_column *column)
{
    static const char *const places[] = {"time_ns", "requested_bytes", "low_bytes", "high_bytes",
                                         "tid",     "thread"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(column->name, places[i]) == 0) return false;
    return column->type == VALUE_INTEGER && (column->unit == UNIT_BYTES || column->unit == UNIT_COUNT);
}

static struct result_value column_total(const struct result *result, size_t column)
{
    struct result_value total = {0};
    for (size_t row = 0; row < result->row_count; row++) {
        const struct result_value *value = &result->values[row * result->column_count + column];
        if (!value->is_null) total.integer = number_add(total.integer, value->integer);
    }
    return total;
}

static void text_single_row(const struct result *result, struct output *output)
{
    size_t width = 0;
    for (size_t i = 0; i < result->column_count; i++)
        if (strlen(text_heading(&result->columns[i])) > width)
            width = strlen(text_heading(&result->columns[i]));
    for (size_t i = 0; i < result->column_count && result->row_count > 0; i++) {
        char cell[CELL_BYTES];
        output_print(output, "%-*s  %s\n", (int)width, text_heading(&result->columns[i]),
                     text_cell(cell, &result->columns[i], &result->values[i]));
    }
}

static void text_stack(const struct frame_list *list, struct output *output)
{
    for (size_t i = 0; i < list->count && i < STACK_LINES; i++) {
        char *place = frame_place(list->frames[i]);
        output_print(output, "        %s%s\n", place, list->frames[i]->inlined ? " (inlined)" : "");
        free(place);
    }
    if (list->count > STACK_LINES)
        output_print(output, "        ... and %zu frames more\n", list->count - STACK_LINES);
    else if (list->truncated)
        output_text(output, "        ... truncated: deeper than the recorder's limit (MEMTRACE_DEPTH)\n");
    if (list->count == 0) output_text(output, "        no stack was recorded\n");
}

struct text_table {
    const struct result *result;
    struct output *output;
    struct frames *frames;
    size_t shown;        /* rows */
    size_t stack_column; /* column_count: none */
    bool *visible;
    size_t *widths;
};

static void text_widen(struct text_table *table, size_t column, const char *cell)
{
    if (strlen(cell) > table->widths[column]) table->widths[column] = strlen(cell);
}

static void text_measure(struct text_table *table)
{
    const struct result *result = table->result;
    char cell[CELL_BYTES];
    for (size_t i = 0; i < result->column_count; i++) {
        const struct result_column *column = &result->columns[i];
        if (column->type == VALUE_STACK) {
            table->stack_column = i;
            continue;
        }
        table->visible[i] = column_says_something(result, i);
        text_widen(table, i, text_heading(column));
        for (size_t row = 0; row < table->shown; row++)
            text_widen(table, i, text_cell(cell, column, &result->values[row * result->column_count + i]));
        if (column_adds_up(column)) {
            struct result_value total = column_total(result, i);
            text_widen(table, i, text_cell(cell, column, &total));
        }
    }
}

static void text_line(struct text_table *table, const char *label, const struct result_value *values)
{
    char cell[CELL_BYTES];
    size_t blanks = 0; /* owed: a line does not end in blanks */
    output_print(table->output, "%5s", label);
    for (size_t i = 0; i < table->result->column_count; i++) {
        const struct result_column *column = &table->result->columns[i];
        if (!table->visible[i]) continue;
        const char *text = values != NULL ? text_cell(cell, column, &values[i]) : text_heading(column);
        size_t padding = table->widths[i] - strlen(text);
        bool to_the_left = column->type == VALUE_TEXT;
        output_print(table->output, "%*s%s", (int)(blanks + 2 + (to_the_left ? 0 : padding)), "", text);
        blanks = to_the_left ? padding : 0;
    }
    output_text(table->output, "\n");
}

static void text_totals(struct text_table *table)
{
    const struct result *result = table->result;
    struct result_value *totals = memory_new(result->column_count, sizeof *totals);
    for (size_t i = 0; i < result->column_count; i++) {
        totals[i] = (struct result_value){.is_null = true};
        if (column_adds_up(&result->columns[i])) totals[i] = column_total(result, i);
    }
    text_line(table, "total", totals);
    free(totals);
}

static void text_rows(struct text_table *table)
{
    const struct result *result = table->result;
    text_line(table, "", NULL);
    for (size_t row = 0; row < table->shown && !output_failed(table->output); row++) {
        const struct result_value *values = &result->values[row * result->column_count];
        char label[24];
        snprintf(label, sizeof label, "%zu", row + 1);
        text_line(table, label, values);
        if (table->stack_column < result->column_count && !values[table->stack_column].is_null) {
            struct frame_list list = frames_of_stack(table->frames, values[table->stack_column].stack);
            text_stack(&list, table->output);
        }
    }
    if (strcmp(result->name, "timeline") != 0) /* moments do not add up */
        text_totals(table);
    if (table->shown < result->row_count)
        output_print(table->output, "%zu of %zu %s; --top 0 shows all\n", table->shown, result->row_count,
                     result->name);
}

static void text_render(const struct result *result, const struct render_context *context)
{
    if (context->trace_count > 1)
        output_print(context->output, "%s%s:\n", context->trace_index > 0 ? "\n" : "", context->trace_path);
    if (result->single_row) {
        text_single_row(result, context->output);
        return;
    }
    if (result->row_count == 0) {
        output_print(context->output, "no %s\n", result->name);
        return;
    }
    struct text_table table = {
        .result = result,
        .output = context->output,
        .frames = frames_new(result, context->symbolizer),
        .shown =
            context->top == 0 || context->top > result->row_count ? result->row_count : (size_t)context->top,
        .stack_column = result->column_count,
        .visible = memory_new(result->column_count, sizeof(bool)),
        .widths = memory_new(result->column_count, sizeof(size_t)),
    };
    text_measure(&table);
    text_rows(&table);
    free(table.visible);
    free(table.widths);
    frames_free(table.frames);
}

const struct renderer render_text = {"text", "for people: human units, the first rows, totals", text_render};
