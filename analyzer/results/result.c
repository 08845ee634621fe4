#include "results/result.h"

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
    struct result_value *row = result->values + result->row_count++ * result->column_count;
    for (size_t i = 0; i < result->column_count; i++)
        row[i] = (struct result_value){.is_null = true};
    return row;
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
