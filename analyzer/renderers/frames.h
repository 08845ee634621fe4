/* The stacks of a result as symbols, for the renderers. */
#ifndef ANALYZER_RENDERERS_FRAMES_H
#define ANALYZER_RENDERERS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include "results/result.h"
#include "symbols/symbolizer.h"

struct frames; /* over one result; reused from stack to stack */

/* Borrows both. Never NULL. */
struct frames *frames_new(const struct result *result, struct symbolizer *symbolizer);
void frames_free(struct frames *frames);

struct frame_list {
    const struct symbol_frame *const *frames; /* innermost first, inlined calls included */
    size_t count;
    bool truncated; /* outermost frames are missing */
};

/* The frames of stack STACK. Valid until the next call. */
struct frame_list frames_of_stack(struct frames *frames, uint32_t stack);

/* The index of the frame that a person means by "where": the innermost that is not an allocator's. Where
 * there is none but allocators' frames, the innermost; with an empty list 0. */
size_t frames_site(const struct frame_list *list);

/* The list as "outer;...;inner" in a text to be freed; ';' inside a name becomes ':' and control characters
 * '?'. A truncated stack begins with "[truncated]", an empty one is "[no stack]". */
char *frames_folded(const struct frame_list *list);

/* The part of PATH behind its last slash. */
const char *frames_base_name(const char *path);

/* FUNCTION for people: without result type and parameters, and where that is still long, without what stands
 * between < and >. To be freed. */
char *frames_short_name(const char *function);

/* "FUNCTION FILE:LINE" with the short name and the file's base name, without what is unknown, the function
 * cut to FRAMES_LABEL_NAME characters; to be freed: for charts and summaries. */
#define FRAMES_LABEL_NAME 64
char *frame_label(const struct symbol_frame *frame);

/* The same with the whole function and, where it has no name, why: for stacks that people read. */
char *frame_place(const struct symbol_frame *frame);

#endif
