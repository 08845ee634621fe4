#include "renderers/places.h"

#include <stdlib.h>
#include <string.h>
#include "renderers/frames.h"
#include "renderers/numbers.h"
#include "util/hash_table.h"
#include "util/memory.h"

struct place {
    size_t row; /* of the merged result */
    UT_hash_handle hh;
    char key[]; /* function, file:line, module */
};

struct order {
    int64_t key;
    size_t row;
};

static char *place_key(const struct frame_list *list)
{
    if (list->count == 0) return memory_format("-");
    const struct symbol_frame *site = list->frames[frames_site(list)];
    return memory_format("%s\n%s:%u\n%s", site->function, site->file != NULL ? site->file : "", site->line,
                         site->module != NULL ? site->module : "");
}

static void place_row(struct result *merged, const struct result *result, size_t from,
                      const struct frame_list *list)
{
    const struct result_value *values = &result->values[from * result->column_count];
    struct result_value *row = result_add_row(merged);
    for (size_t i = 0; i < result->column_count; i++) {
        struct result_value value = values[i];
        if (!value.is_null && result->columns[i].type == VALUE_TEXT)
            value = value_text(merged, value.text, strlen(value.text));
        else if (!value.is_null && result->columns[i].type == VALUE_STACK)
            value.stack = result_add_stack(merged, result->stacks[value.stack].frames,
                                           result->stacks[value.stack].depth, list->truncated);
        row[i] = value;
    }
    for (size_t i = 0; i < result->column_count; i++) {
        const struct result_estimate *estimate = result_get_estimate(result, from, i);
        if (estimate != NULL) result_set_estimate(merged, merged->row_count - 1, i, &estimate->basis);
    }
}

/* Row FROM of RESULT is added to ROW of MERGED: integers as they are, estimates with their intervals. */
static void place_add(struct result *merged, size_t row, const struct result *result, size_t from)
{
    const struct result_value *values = &result->values[from * result->column_count];
    for (size_t i = 0; i < result->column_count; i++) {
        struct result_value *sum = &merged->values[row * merged->column_count + i];
        const struct result_estimate *more = result_get_estimate(result, from, i);
        const struct result_estimate *before = result_get_estimate(merged, row, i);
        if (result->columns[i].type != VALUE_INTEGER || values[i].is_null) continue;
        if (more != NULL) {
            struct interval_basis basis = more->basis;
            if (before != NULL) interval_basis_add(&basis, &before->basis);
            result_set_estimate(merged, row, i, &basis);
        } else {
            sum->integer = sum->is_null ? values[i].integer : number_add(sum->integer, values[i].integer);
            sum->is_null = false;
        }
    }
}

static int order_compare(const void *left, const void *right)
{
    const struct order *a = left, *b = right;
    if (a->key != b->key) return a->key > b->key ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static void sort_rows(struct result *merged, const char *key)
{
    size_t count = merged->row_count, width = merged->column_count;
    struct order *order = memory_new(count, sizeof *order);
    struct result_value *sorted = memory_new(count * width, sizeof *sorted);
    struct result_estimate *estimates =
        memory_new(merged->estimates != NULL ? count * width : 0, sizeof *estimates);
    for (size_t row = 0; row < count; row++)
        order[row] = (struct order){.key = result_get(merged, row, key).integer, .row = row};
    qsort(order, count, sizeof *order, order_compare);
    for (size_t row = 0; row < count; row++) {
        memcpy(&sorted[row * width], &merged->values[order[row].row * width], width * sizeof *sorted);
        if (merged->estimates != NULL)
            memcpy(&estimates[row * width], &merged->estimates->cells[order[row].row * width],
                   width * sizeof *estimates);
    }
    if (count > 0) memcpy(merged->values, sorted, count * width * sizeof *sorted);
    if (count > 0 && merged->estimates != NULL)
        memcpy(merged->estimates->cells, estimates, count * width * sizeof *estimates);
    free(sorted);
    free(estimates);
    free(order);
}

struct result *places_of(const struct result *result, struct symbolizer *symbolizer, const char *key)
{
    struct result *merged = result_new(result->name, result->columns, result->column_count);
    /* They are distinct, so they keep their indices, and the stacks' frames stay true. */
    for (size_t i = 0; i < result->module_count; i++) {
        const struct result_module *module = &result->modules[i];
        result_add_module(merged, module->path, module->build_id, module->build_id_bytes, module->bias);
    }
    result_copy_estimates(merged, result);
    int stack_column = result_column_index(result, "stack");
    struct frames *frames = frames_new(result, symbolizer);
    struct arena *arena = arena_new();
    struct place *places = NULL, *place;
    for (size_t row = 0; row < result->row_count && stack_column >= 0; row++) {
        const struct result_value *stack = &result->values[row * result->column_count + (size_t)stack_column];
        struct frame_list list = {0};
        if (!stack->is_null) list = frames_of_stack(frames, stack->stack);
        char *text = place_key(&list);
        size_t length = strlen(text);
        HASH_FIND(hh, places, text, length, place);
        if (place != NULL) {
            place_add(merged, place->row, result, row);
        } else {
            place = arena_allocate(arena, sizeof *place + length + 1);
            memcpy(place->key, text, length);
            place->row = merged->row_count;
            place_row(merged, result, row, &list);
            HASH_ADD(hh, places, key, length, place);
        }
        free(text);
    }
    HASH_CLEAR(hh, places);
    arena_free(arena);
    frames_free(frames);
    sort_rows(merged, key);
    return merged;
}
