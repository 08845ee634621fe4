/* Where a command's result goes: standard output or the file of -o. Write errors (a full disk, a closed
 * pipe) are kept and told once, by output_close: nothing in between has to look. */
#ifndef ANALYZER_UTIL_OUTPUT_H
#define ANALYZER_UTIL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct output;

/* Open PATH for writing; NULL or "-": standard output. Refuses to overwrite a trace. From here on
 * SIGPIPE is ignored. NULL: reported. */
struct output *output_open(const char *path);
void output_print(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));
void output_text(struct output *output, const char *text);
void output_bytes(struct output *output, const void *bytes, size_t size);
/* Has a write failed? A long rendering may stop early. */
bool output_failed(const struct output *output);
/* Flush and close. 0, or EXIT_TROUBLE: something could not be written, and that is reported. */
int output_close(struct output *output);

#endif
