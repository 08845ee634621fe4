#include "results/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "util/memory.h"

/* What grows while a result is filled. */
struct result_storage {
    struct arena *arena; /* texts and frames */
    size_t row_capacity, stack_capacity, module_capacity;
};

struct result *result_new(const char *name, const struct result_column *columns, size_t column_count)
{
    struct result *result = memory_new(1, sizeof *result);
    struct result_storage *storage = memory_new(1, sizeof *storage);
    storage->arena = arena_new();
    *result =
        (struct result){.name = name, .columns = columns, .column_count = column_count, .storage = storage};
    return result;
}

void result_free(struct result *result)
{
    if (result == NULL) return;
    struct result_storage *storage = result->storage;
    arena_free(storage->arena);
    free(storage);
    if (result->estimates != NULL) {
        free(result->estimates->columns);
        free(result->estimates->cells);
        free(result->estimates);
    }
    free(result->values);
    free(result->stacks);
    free(result->modules);
    free(result);
}

struct result_value *result_add_row(struct result *result)
{
    struct result_storage *storage = result->storage;
    size_t row_bytes = result->column_count * sizeof *result->values;
    result->values = memory_grow(result->values, &storage->row_capacity, result->row_count, row_bytes);
    if (result->estimates != NULL) {
        struct result_estimates *estimates = result->estimates;
        size_t cells = result->column_count;
        estimates->cells = memory_grow(estimates->cells, &estimates->capacity, result->row_count,
                                       cells * sizeof *estimates->cells);
        memset(estimates->cells + result->row_count * cells, 0, cells * sizeof *estimates->cells);
    }
    struct result_value *row = result->values + result->row_count++ * result->column_count;
    for (size_t i = 0; i < result->column_count; i++)
        row[i] = (struct result_value){.is_null = true};
    return row;
}

void result_begin_estimates(struct result *result, uint64_t rate_bytes, const char *const *columns)
{
    struct result_estimates *estimates = memory_new(1, sizeof *estimates);
    estimates->rate_bytes = rate_bytes;
    estimates->columns = memory_new(result->column_count, sizeof *estimates->columns);
    for (; *columns != NULL; columns++) {
        int column = result_column_index(result, *columns);
        if (column >= 0) estimates->columns[column] = true;
    }
    result->estimates = estimates;
}

void result_copy_estimates(struct result *result, const struct result *like)
{
    static const char *const none[] = {NULL};
    if (like->estimates == NULL) return;
    result_begin_estimates(result, like->estimates->rate_bytes, none);
    memcpy(result->estimates->columns, like->estimates->columns, like->column_count);
}

/* REAL as an integer of 64 bits; sums of a damaged trace may be beyond. */
static int64_t nearest_integer(double real)
{
    if (real >= 0x1p63) return INT64_MAX;
    return real <= -0x1p63 ? INT64_MIN : llround(real);
}

static void set_estimated(struct result *result, size_t row, size_t column, double value,
                          const struct result_estimate *estimate)
{
    size_t cell = row * result->column_count + column;
    result->values[cell] = result->columns[column].type == VALUE_REAL ? value_real(value)
                                                                      : value_integer(nearest_integer(value));
    result->estimates->cells[cell] = *estimate;
}

void result_set_estimate(struct result *result, size_t row, size_t column, const struct interval_basis *basis)
{
    struct result_estimate estimate = {.known = true, .basis = *basis, .interval = interval_of(basis)};
    set_estimated(result, row, column, basis->total, &estimate);
}

void result_set_interval(struct result *result, size_t row, size_t column, double value,
                         struct interval interval)
{
    struct result_estimate estimate = {.known = true, .interval = interval};
    set_estimated(result, row, column, value, &estimate);
}

const struct result_estimate *result_get_estimate(const struct result *result, size_t row, size_t column)
{
    if (result->estimates == NULL || row >= result->row_count) return NULL;
    const struct result_estimate *estimate = &result->estimates->cells[row * result->column_count + column];
    return estimate->known ? estimate : NULL;
}

bool result_column_is_estimated(const struct result *result, size_t column)
{
    return result->estimates != NULL && result->estimates->columns[column];
}

struct result_value value_integer(int64_t integer)
{
    return (struct result_value){.integer = integer};
}

struct result_value value_real(double real)
{
    return (struct result_value){.real = real};
}

struct result_value value_boolean(bool boolean)
{
    return (struct result_value){.boolean = boolean};
}

struct result_value value_text(struct result *result, const char *text, size_t length)
{
    struct result_storage *storage = result->storage;
    return (struct result_value){.text = arena_text(storage->arena, text, length)};
}

uint32_t result_add_stack(struct result *result, const struct result_frame *frames, size_t depth,
                          bool truncated)
{
    struct result_storage *storage = result->storage;
    result->stacks =
        memory_grow(result->stacks, &storage->stack_capacity, result->stack_count, sizeof *result->stacks);
    struct result_frame *copy = NULL;
    if (depth > 0) {
        copy = arena_allocate(storage->arena, depth * sizeof *copy);
        memcpy(copy, frames, depth * sizeof *copy);
    }
    result->stacks[result->stack_count] =
        (struct result_stack){.frames = copy, .depth = depth, .truncated = truncated};
    return (uint32_t)result->stack_count++;
}

uint32_t result_add_module(struct result *result, const char *path, const uint8_t *build_id,
                           size_t build_id_bytes, uint64_t bias)
{
    struct result_storage *storage = result->storage;
    struct result_module fresh = {.bias = bias};
    /* A build-id is 20 bytes (SHA-1) in practice; of a longer one the start tells builds apart as well. */
    fresh.build_id_bytes = build_id_bytes < sizeof fresh.build_id ? build_id_bytes : sizeof fresh.build_id;
    if (fresh.build_id_bytes > 0) memcpy(fresh.build_id, build_id, fresh.build_id_bytes);
    /* A process has tens of modules, and reducers add each once: no hash needed. */
    for (size_t i = 0; i < result->module_count; i++) {
        const struct result_module *known = &result->modules[i];
        if (known->bias == bias && known->build_id_bytes == fresh.build_id_bytes &&
            memcmp(known->build_id, fresh.build_id, sizeof fresh.build_id) == 0 &&
            strcmp(known->path, path) == 0)
            return (uint32_t)i;
    }
    result->modules = memory_grow(result->modules, &storage->module_capacity, result->module_count,
                                  sizeof *result->modules);
    fresh.path = arena_text(storage->arena, path, strlen(path));
    result->modules[result->module_count] = fresh;
    return (uint32_t)result->module_count++;
}

int result_column_index(const struct result *result, const char *name)
{
    for (size_t i = 0; i < result->column_count; i++)
        if (strcmp(result->columns[i].name, name) == 0) return (int)i;
    return -1;
}

struct result_value result_get(const struct result *result, size_t row, const char *name)
{
    int column = result_column_index(result, name);
    if (column < 0 || row >= result->row_count) return (struct result_value){.is_null = true};
    return result->values[row * result->column_count + (size_t)column];
}
