/* What every command that reads traces does alike: options for the form of the output, opening the traces,
 * one result each, rendered in order. */
#ifndef ANALYZER_COMMANDS_TRACES_H
#define ANALYZER_COMMANDS_TRACES_H

#include <stdint.h>
#include "reader/trace_file.h"
#include "reducers/analysis.h"
#include "renderers/renderer.h"
#include "util/options.h"

/* The names of --format, ending with NULL; the same as the table `renderers`. */
extern const char *const format_names[];

/* Options of the commands that print a table. */
struct table_options {
    const char *format; /* "text", "csv", "json" */
    const char *output; /* NULL: standard output */
    uint64_t top;       /* rows of the text form; 0: all */
    uint64_t rows;      /* timeline: at most so many moments; 0: the default */
    const char *value;  /* flame */
};

/* Members of a struct options_usage: one trace or more. */
#define OPERANDS_TRACES .operands = "TRACE...", .operands_min = 1, .operands_max = SIZE_MAX

#define OPTION_FORMAT_ENTRY                                                                                  \
    {                                                                                                        \
        "format", 'f', OPTION_CHOICE, offsetof(struct table_options, format), "FORMAT",                      \
            "text (the default), csv or json", format_names                                                  \
    }
#define OPTION_OUTPUT_ENTRY                                                                                  \
    {                                                                                                        \
        "output", 'o', OPTION_TEXT, offsetof(struct table_options, output), "FILE",                          \
            "write there instead of to standard output", NULL                                                \
    }
#define OPTION_TOP_ENTRY                                                                                     \
    {                                                                                                        \
        "top", 'n', OPTION_COUNT, offsetof(struct table_options, top), "N",                                  \
            "text: the first N rows (default 10); 0: all", NULL                                              \
    }

/* Run a command that prints the result of reducer REDUCER for each trace on its command line by
 * --format. OPTIONS has the defaults. The exit status. */
int table_command(const struct options_usage *usage, const char *reducer, struct table_options *options,
                  int argc, char **argv);

/* Print by RENDERER, to where OPTIONS say, REDUCER's result for each of PATHS[0..COUNT). The exit status. */
int traces_render(char **paths, size_t count, const char *reducer, const struct renderer *renderer,
                  const struct table_options *options);

/* Open PATHS[0..COUNT) as traces; all, or none and EXIT_TROUBLE (reported). *TRACES is for traces_close. */
int traces_open(char **paths, size_t count, struct trace ***traces);
void traces_close(struct trace **traces, size_t count);

#endif
