/* Prompts from files: one a line, or as JSON lines. */
#ifndef SCANNER_INPUT_H
#define SCANNER_INPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum input_form { INPUT_AUTO, INPUT_LINES, INPUT_JSONL };

struct prompt {
    const char *text; /* borrowed during the call; may hold any bytes */
    size_t length;
    bool repaired; /* the JSON line held invalid UTF-8 or half a surrogate pair, which became U+FFFD */
    json_t *id;    /* the record's `id`, or the line's number counted over all inputs; borrowed */
};

/* What is carried from one input to the next. */
struct input_state {
    enum input_form form;
    size_t lines; /* read so far, in all inputs */
};

/* Call EACH for every prompt of the file at PATH ("-": stdin) until it returns non-zero. Returns that, or 0,
 * or 2 after a complaint. INPUT_AUTO decides at the first line that is not blank: JSON lines if it is a JSON
 * object with a string `text`. A UTF-8 byte order mark in front of the first line is skipped. */
int input_read(struct input_state *state, const char *path,
               int (*each)(void *context, const struct prompt *prompt), void *context);

#endif
