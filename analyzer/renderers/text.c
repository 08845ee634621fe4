/* Tables for people: human units, aligned columns, the first rows and a line of totals; a stack stands
 * below its row, and between the two, of estimates from a sampled trace, a line with the low and one with the
 * high ends of their 95 % intervals. Consumer: the terminal. Not a format for scripts: it may change; csv and
 * json will not. */
#include <inttypes.h>
#include <math.h>
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

/* The same of every column that adds up, for a line of totals; the ends of the intervals in *LOWS and *HIGHS.
 */
static void text_sums(const struct result *result, struct result_value *totals, struct result_value *lows,
                      struct result_value *highs)
{
    for (size_t i = 0; i < result->column_count; i++) {
        totals[i] = lows[i] = highs[i] = (struct result_value){.is_null = true};
        if (!column_adds_up(&result->columns[i])) continue;
        totals[i] = column_total(result, i);
        struct interval_basis sum = {0};
        for (size_t row = 0; row < result->row_count; row++) {
            const struct result_estimate *estimate = result_get_estimate(result, row, i);
            if (estimate != NULL) interval_basis_add(&sum, &estimate->basis);
        }
        if (!result_column_is_estimated(result, i) || sum.total <= 0) continue;
        struct interval interval = interval_of(&sum);
        lows[i] = value_integer((int64_t)fmin(floor(interval.low), 0x1p62));
        highs[i] = value_integer((int64_t)fmin(ceil(interval.high), 0x1p62));
    }
}

/* The ends of the intervals of row ROW; null where there is none. */
static void text_row_ends(const struct result *result, size_t row, struct result_value *lows,
                          struct result_value *highs)
{
    for (size_t i = 0; i < result->column_count; i++) {
        struct interval_values ends = number_interval(result, row, i);
        bool estimate = result_get_estimate(result, row, i) != NULL;
        lows[i] = estimate ? ends.low : (struct result_value){.is_null = true};
        highs[i] = estimate ? ends.high : (struct result_value){.is_null = true};
    }
}

static void text_single_interval(const struct result *result, size_t column, struct output *output)
{
    char low[CELL_BYTES], high[CELL_BYTES];
    struct interval_values ends = number_interval(result, 0, column);
    const struct result_column *shape = &result->columns[column];
    if (result_get_estimate(result, 0, column) == NULL) return;
    if (ends.high.is_null)
        output_print(output, "  (%s or more)", text_cell(low, shape, &ends.low));
    else
        output_print(output, "  (%s to %s)", text_cell(low, shape, &ends.low),
                     text_cell(high, shape, &ends.high));
}

static void text_single_row(const struct result *result, struct output *output)
{
    size_t width = 0;
    for (size_t i = 0; i < result->column_count; i++)
        if (strlen(text_heading(&result->columns[i])) > width)
            width = strlen(text_heading(&result->columns[i]));
    for (size_t i = 0; i < result->column_count && result->row_count > 0; i++) {
        char cell[CELL_BYTES];
        output_print(output, "%-*s  %s", (int)width, text_heading(&result->columns[i]),
                     text_cell(cell, &result->columns[i], &result->values[i]));
        text_single_interval(result, i, output);
        output_text(output, "\n");
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
    bool intervals;                    /* there are lines of low and high ends */
    struct result_value *lows, *highs; /* scratch: of one line each */
    struct result_value *totals;       /* and the ends of their intervals: */
    struct result_value *total_lows, *total_highs;
};

static struct text_table text_table_new(const struct result *result, const struct render_context *context)
{
    size_t columns = result->column_count;
    bool all = context->top == 0 || context->top > result->row_count;
    struct result_value *values = memory_new(5 * columns, sizeof *values);
    struct text_table table = {
        .result = result,
        .output = context->output,
        .frames = frames_new(result, context->symbolizer),
        .shown = all ? result->row_count : (size_t)context->top,
        .stack_column = columns,
        .visible = memory_new(columns, sizeof(bool)),
        .widths = memory_new(columns, sizeof(size_t)),
        .intervals = result->estimates != NULL && result->estimates->rate_bytes > 0,
        .lows = values,
        .highs = values + columns,
        .totals = values + 2 * columns,
        .total_lows = values + 3 * columns,
        .total_highs = values + 4 * columns,
    };
    text_sums(result, table.totals, table.total_lows, table.total_highs);
    return table;
}

static void text_table_free(struct text_table *table)
{
    free(table->visible);
    free(table->widths);
    free(table->lows);
    frames_free(table->frames);
}

static void text_widen(struct text_table *table, size_t column, const struct result_value *value)
{
    char cell[CELL_BYTES];
    size_t width = strlen(text_cell(cell, &table->result->columns[column], value));
    if (width > table->widths[column]) table->widths[column] = width;
}

static void text_measure(struct text_table *table)
{
    const struct result *result = table->result;
    for (size_t i = 0; i < result->column_count; i++) {
        if (result->columns[i].type == VALUE_STACK) {
            table->stack_column = i;
            continue;
        }
        table->visible[i] = column_says_something(result, i);
        table->widths[i] = strlen(text_heading(&result->columns[i]));
        text_widen(table, i, &table->totals[i]);
        text_widen(table, i, &table->total_lows[i]);
        text_widen(table, i, &table->total_highs[i]);
    }
    for (size_t row = 0; row < table->shown; row++) {
        text_row_ends(result, row, table->lows, table->highs);
        for (size_t i = 0; i < result->column_count; i++) {
            text_widen(table, i, &result->values[row * result->column_count + i]);
            text_widen(table, i, &table->lows[i]);
            text_widen(table, i, &table->highs[i]);
        }
    }
}

/* One line of VALUES (NULL: the headings) behind LABEL. ENDS: of intervals, blank where there are none. */
static void text_line(struct text_table *table, const char *label, const struct result_value *values,
                      bool ends)
{
    char cell[CELL_BYTES];
    size_t blanks = 0; /* owed: a line does not end in blanks */
    output_print(table->output, "%5s", label);
    for (size_t i = 0; i < table->result->column_count; i++) {
        const struct result_column *column = &table->result->columns[i];
        if (!table->visible[i]) continue;
        const char *text = values != NULL ? text_cell(cell, column, &values[i]) : text_heading(column);
        if (values != NULL && values[i].is_null && ends) text = "";
        size_t padding = table->widths[i] - strlen(text);
        bool to_the_left = column->type == VALUE_TEXT;
        output_print(table->output, "%*s%s", (int)(blanks + 2 + (to_the_left ? 0 : padding)), "", text);
        blanks = to_the_left ? padding : 0;
    }
    output_text(table->output, "\n");
}

static void text_ends(struct text_table *table, const struct result_value *lows,
                      const struct result_value *highs)
{
    if (!table->intervals) return;
    text_line(table, "low", lows, true);
    text_line(table, "high", highs, true);
}

static void text_rows(struct text_table *table)
{
    const struct result *result = table->result;
    if (table->intervals)
        output_text(table->output,
                    "estimated from a sample; low and high are the ends of the 95 % intervals\n");
    text_line(table, "", NULL, false);
    for (size_t row = 0; row < table->shown && !output_failed(table->output); row++) {
        const struct result_value *values = &result->values[row * result->column_count];
        char label[24];
        snprintf(label, sizeof label, "%zu", row + 1);
        text_line(table, label, values, false);
        text_row_ends(result, row, table->lows, table->highs);
        text_ends(table, table->lows, table->highs);
        if (table->stack_column < result->column_count && !values[table->stack_column].is_null) {
            struct frame_list list = frames_of_stack(table->frames, values[table->stack_column].stack);
            text_stack(&list, table->output);
        }
    }
    if (strcmp(result->name, "timeline") != 0) { /* moments do not add up */
        text_line(table, "total", table->totals, false);
        text_ends(table, table->total_lows, table->total_highs);
    }
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
    struct text_table table = text_table_new(result, context);
    text_measure(&table);
    text_rows(&table);
    text_table_free(&table);
}

const struct renderer render_text = {"text", "for people: human units, the first rows, totals", text_render};
