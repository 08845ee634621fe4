#include <stdlib.h>
#include "reducers/reducer.h"
#include "util/memory.h"

struct stack_copier stack_copier_new(const struct replay *replay, struct result *result)
{
    size_t count = modules_count(replay->modules);
    struct stack_copier copier = {.replay = replay, .result = result};

    copier.modules = memory_new(count, sizeof(*copier.modules));
    for (size_t i = 0; i < count; i++)
        copier.modules[i] = RESULT_NO_MODULE;
    return copier;
}

void stack_copier_free(struct stack_copier *copier)
{
    free(copier->modules);
}

static uint32_t copy_module(struct stack_copier *copier, uint32_t index)
{
    const struct module *module;
    char *path;

    if (index == STACK_NO_MODULE) return RESULT_NO_MODULE;
    if (copier->modules[index] != RESULT_NO_MODULE) return copier->modules[index];
    module = modules_get(copier->replay->modules, index);
    path = memory_text(module->path, module->path_length);
    copier->modules[index] =
        result_add_module(copier->result, path, module->build_id, module->build_id_bytes, module->bias);
    free(path);
    return copier->modules[index];
}

struct result_value stack_copier_value(struct stack_copier *copier, uint32_t stack)
{
    static struct stack_frame frames[TRACE_MAX_DEPTH];
    static struct result_frame copies[TRACE_MAX_DEPTH];
    struct result_value value = {.is_null = false};
    bool truncated;
    size_t depth = stack_tree_unwind(copier->replay->stacks, stack, frames, TRACE_MAX_DEPTH, &truncated);

    for (size_t i = 0; i < depth; i++)
        copies[i] = (struct result_frame){.module = copy_module(copier, frames[i].module),
                                          .link_address = frames[i].link_address};
    value.stack = result_add_stack(copier->result, copies, depth, truncated);
    return value;
}
