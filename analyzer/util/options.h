/* The option-table parser. A command states its options once; parsing, --help and the completion are
 * made from that table, and the man page is held against it by tests/analyzer/commands/manual.t. */
#ifndef ANALYZER_UTIL_OPTIONS_H
#define ANALYZER_UTIL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,   /* bool: set to true */
    OPTION_TEXT,   /* const char *: borrowed from argv */
    OPTION_COUNT,  /* uint64_t: decimal */
    OPTION_SIZE,   /* uint64_t: bytes, as units_parse_size */
    OPTION_NUMBER, /* double */
    OPTION_CHOICE, /* const char *: one of `choices` */
};

struct option_entry {
    const char *name; /* a whole word, without the dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    size_t offset;          /* of the value in the command's structure of options */
    const char *value_name; /* in --help: FILE, N; NULL for flags */
    const char *help;
    const char *const *choices; /* of OPTION_CHOICE, ends with NULL */
};

struct options_usage {
    const char *command;  /* "sites" */
    const char *operands; /* "TRACE..." */
    const char *help;     /* one line, as in the table of commands */
    const char *details;  /* paragraphs below the options in --help; NULL: none */
    const struct option_entry *entries;
    size_t entry_count;
    size_t operands_min, operands_max;
    bool stop_at_operand; /* `run`: options end at the first operand; what follows belongs to the program */
};

enum options_outcome {
    OPTIONS_READY,  /* go on */
    OPTIONS_HELPED, /* --help was printed: exit 0 (or EXIT_TROUBLE: it could not be) */
    OPTIONS_WRONG,  /* reported in one line: exit EXIT_TROUBLE */
};

/* Parse argv[1..argc) into VALUES, whose defaults the caller has set. Options may stand behind operands
 * (but with stop_at_operand); "--" ends them. `--name value`, `--name=value`, `-x value`, `-xvalue`.
 * Operands are moved to argv[1..*operand_count], in order. --help is always understood. */
enum options_outcome options_parse(const struct options_usage *usage, void *values, int argc, char **argv,
                                   size_t *operand_count);

#endif
