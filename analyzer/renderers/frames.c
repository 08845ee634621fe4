#include "renderers/frames.h"

#include <stdlib.h>
#include <string.h>
#include "symbols/allocator_names.h"
#include "util/memory.h"

struct frames {
    const struct result *result;
    struct symbolizer *symbolizer;
    struct symbol_module **modules; /* of result->modules; the last is for code in no module */
    const struct symbol_frame **list;
    size_t capacity;
};

struct frames *frames_new(const struct result *result, struct symbolizer *symbolizer)
{
    struct frames *frames = memory_new(1, sizeof *frames);
    frames->result = result;
    frames->symbolizer = symbolizer;
    frames->modules = memory_new(result->module_count + 1, sizeof *frames->modules);
    for (size_t i = 0; i < result->module_count; i++) {
        const struct result_module *module = &result->modules[i];
        frames->modules[i] =
            symbolizer_module(symbolizer, module->path, module->build_id, module->build_id_bytes);
    }
    frames->modules[result->module_count] = symbolizer_module(symbolizer, NULL, NULL, 0);
    return frames;
}

void frames_free(struct frames *frames)
{
    free(frames->modules);
    free(frames->list);
    free(frames);
}

struct frame_list frames_of_stack(struct frames *frames, uint32_t stack)
{
    const struct result_stack *source = &frames->result->stacks[stack];
    size_t count = 0;
    for (size_t i = 0; i < source->depth; i++) {
        const struct result_frame *frame = &source->frames[i];
        size_t module =
            frame->module < frames->result->module_count ? frame->module : frames->result->module_count;
        const struct symbol_frame *found;
        size_t found_count =
            symbolizer_frames(frames->symbolizer, frames->modules[module], frame->link_address, &found);
        for (size_t k = 0; k < found_count; k++) {
            frames->list = memory_grow(frames->list, &frames->capacity, count, sizeof(struct symbol_frame *));
            frames->list[count++] = &found[k];
        }
    }
    return (struct frame_list){.frames = frames->list, .count = count, .truncated = source->truncated};
}

size_t frames_site(const struct frame_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!list->frames[i]->named || !name_is_allocator(list->frames[i]->function)) return i;
    return 0;
}

static char *folded_name(char *to, const char *name)
{
    for (; *name != '\0'; name++, to++) {
        *to = *name;
        if (*name == ';') *to = ':';
        if ((unsigned char)*name < 0x20 || *name == 0x7f) *to = '?';
    }
    return to;
}

char *frames_folded(const struct frame_list *list)
{
    static const char truncated[] = "[truncated]", none[] = "[no stack]";
    size_t bytes = sizeof truncated + sizeof none;
    for (size_t i = 0; i < list->count; i++)
        bytes += strlen(list->frames[i]->function) + 1;
    char *text = memory_new(bytes, 1), *end = text;
    if (list->truncated) end = folded_name(end, truncated);
    for (size_t i = list->count; i-- > 0;) {
        if (end != text) *end++ = ';';
        end = folded_name(end, list->frames[i]->function);
    }
    if (end == text) folded_name(text, none);
    return text;
}

const char *frames_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* Does the name up to AT end in "operator"? Then what follows belongs to it. */
static bool after_operator(const char *name, const char *at)
{
    static const char word[] = "operator";
    const size_t length = sizeof word - 1;
    return (size_t)(at - name) >= length && strncmp(at - length, word, length) == 0;
}

/* The parameter list that ends NAME (behind it may stand " const" and the like); its end if there is none. */
static char *parameters_of(char *name)
{
    char *at = strrchr(name, ')');
    int depth = 0;
    if (at == NULL || strspn(at + 1, " abcdefghijklmnopqrstuvwxyz&[]_0123456789.") != strlen(at + 1))
        return name + strlen(name);
    for (; at > name; at--) {
        depth += *at == ')' ? 1 : *at == '(' ? -1 : 0;
        if (depth == 0) break;
    }
    /* "(anonymous namespace)" at the start is no parameter list, and operator() has two of them. */
    return at == name || at[-1] == ':' || after_operator(name, at) ? name + strlen(name) : at;
}

/* NAME without what stands between < and >, keeping the signs; to be freed. */
static char *without_templates(const char *name)
{
    int depth = 0;
    char *text = memory_new(strlen(name) + 1, 1), *to = text;
    for (const char *at = name; *at != '\0'; at++) {
        bool is_arrow = *at == '>' && at > name && at[-1] == '-';
        if (*at == '>' && depth > 0 && !is_arrow) depth--;
        if (depth == 0) *to++ = *at;
        /* not Rust's "<T as Trait>::function" */
        if (*at == '<' && at > name && !after_operator(name, at)) depth++;
    }
    return text;
}

/* The demangler puts a template function's result type in front of its name. */
static const char *without_result_type(const char *name)
{
    const char *start = name;
    int depth = 0;
    for (const char *at = name; *at != '\0' && strncmp(at, "operator", 8) != 0; at++) {
        depth += *at == '<' || *at == '(' ? 1 : *at == '>' || *at == ')' ? -1 : 0;
        if (*at == ' ' && depth == 0 && at[1] != '\0') start = at + 1;
    }
    return start;
}

char *frames_short_name(const char *function)
{
    enum { LONG = 48 };
    char *name = memory_text(function, strlen(function));
    char *parameters = parameters_of(name);
    bool has_parameters = *parameters != '\0';
    *parameters = '\0';
    const char *start = has_parameters ? without_result_type(name) : name;
    char *shown = strlen(start) > LONG ? without_templates(start) : memory_text(start, strlen(start));
    free(name);
    return shown;
}

/* Cut NAME to at most CHARACTERS of UTF-8, the last three of them dots. */
static void cut_name(char *name, size_t characters)
{
    size_t count = 0;
    char *cut = NULL;
    for (char *at = name; *at != '\0'; at++) {
        if (((unsigned char)*at & 0xc0) == 0x80) continue; /* inside a character */
        if (count == characters - 3) cut = at;
        count++;
    }
    if (count > characters) memcpy(cut, "...", 4); /* in place of three characters or more */
}

char *frame_label(const struct symbol_frame *frame)
{
    char *name = frames_short_name(frame->function), *label = name;
    cut_name(name, FRAMES_LABEL_NAME);
    if (frame->file != NULL && frame->line != 0)
        label = memory_format("%s %s:%u", name, frames_base_name(frame->file), frame->line);
    else if (frame->named && frame->module != NULL)
        label = memory_format("%s in %s", name, frames_base_name(frame->module));
    if (label != name) free(name);
    return label;
}

char *frame_place(const struct symbol_frame *frame)
{
    if (!frame->named && frame->note != NULL) return memory_format("%s (%s)", frame->function, frame->note);
    if (frame->file != NULL && frame->line != 0)
        return memory_format("%s %s:%u", frame->function, frames_base_name(frame->file), frame->line);
    if (frame->named && frame->module != NULL)
        return memory_format("%s in %s", frame->function, frames_base_name(frame->module));
    return memory_format("%s", frame->function);
}
