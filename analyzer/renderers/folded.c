/* Collapsed stacks: "outer;...;inner VALUE", one line a stack, sorted, equal stacks added up.
 * Consumers: flamegraph.pl, inferno, speedscope (imports it), any line-based tool. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "renderers/frames.h"
#include "renderers/numbers.h"
#include "renderers/renderer.h"
#include "util/memory.h"

struct line {
    char *stack;
    int64_t value;
};

static int line_compare(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    return strcmp(a->stack, b->stack);
}

/* The rows of RESULT that have a value, as lines; *COUNT of them. */
static struct line *folded_lines(const struct result *result, const struct render_context *context,
                                 size_t *count)
{
    struct frames *frames = frames_new(result, context->symbolizer);
    struct line *lines = memory_new(result->row_count, sizeof *lines);
    *count = 0;
    for (size_t row = 0; row < result->row_count; row++) {
        struct result_value value = result_get(result, row, context->value_column);
        struct result_value stack = result_get(result, row, "stack");
        if (value.is_null || stack.is_null || value.integer <= 0) continue;
        struct frame_list list = frames_of_stack(frames, stack.stack);
        lines[(*count)++] = (struct line){.stack = frames_folded(&list), .value = value.integer};
    }
    frames_free(frames);
    qsort(lines, *count, sizeof *lines, line_compare);
    return lines;
}

static void folded_render(const struct result *result, const struct render_context *context)
{
    size_t count;
    struct line *lines = folded_lines(result, context, &count);
    for (size_t i = 0; i < count;) {
        int64_t value = 0;
        size_t first = i;
        for (; i < count && strcmp(lines[i].stack, lines[first].stack) == 0; i++)
            value = number_add(value, lines[i].value);
        output_print(context->output, "%s %" PRId64 "\n", lines[first].stack, value);
    }
    for (size_t i = 0; i < count; i++)
        free(lines[i].stack);
    free(lines);
}

const struct renderer render_folded = {"folded", "collapsed stacks", folded_render};
