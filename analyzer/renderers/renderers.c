#include <string.h>
#include "renderers/renderer.h"

const struct renderer *const renderers[] = {&render_text, &render_csv, &render_json};
const size_t renderer_count = sizeof renderers / sizeof *renderers;

const struct renderer *renderer_find(const char *name)
{
    for (size_t i = 0; i < renderer_count; i++)
        if (strcmp(renderers[i]->name, name) == 0) return renderers[i];
    return NULL;
}
