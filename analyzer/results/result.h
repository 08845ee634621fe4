/* A result: one typed table and the stacks its rows refer to. The narrow waist of the analyzer:
 * reducers fill results and know no format, renderers print results and know no event.
 *
 * Ownership: a result owns its rows, its texts (copied in) and its stacks; result_free releases all.
 * Not thread-safe. Running out of memory ends the command with one line (util/memory.h). */
#ifndef ANALYZER_RESULTS_RESULT_H
#define ANALYZER_RESULTS_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "results/interval.h"

enum value_type { VALUE_INTEGER, VALUE_REAL, VALUE_BOOLEAN, VALUE_TEXT, VALUE_STACK };
enum value_unit { UNIT_NONE, UNIT_COUNT, UNIT_BYTES, UNIT_NS, UNIT_PERCENT, UNIT_BYTES_PER_HOUR };

struct result_column {
    const char *name; /* as in CSV and JSON; the unit is part of it (_bytes, _ns, _percent); static */
    enum value_type type;
    enum value_unit unit;
    const char *heading; /* for people; static */
};

struct result_value {
    bool is_null; /* unknown, or a percentage of zero */
    union {
        int64_t integer; /* sizes, counts, ns; 0 .. 2^63-1 or negative where a difference */
        double real;
        bool boolean;
        const char *text; /* UTF-8 is not guaranteed: paths come as they are */
        uint32_t stack;   /* index into the result's stacks */
    };
};

/* A frame as results carry it: never an absolute address of the traced process, so that two runs
 * compare. module is an index into the result's modules, or RESULT_NO_MODULE (JIT code, unknown):
 * then link_address is the run-time address. link_address is of the return address; renderers look
 * it up at minus 1. */
#define RESULT_NO_MODULE UINT32_MAX
struct result_frame {
    uint32_t module;
    uint64_t link_address;
};

struct result_module {
    char *path;
    uint8_t build_id[20];
    size_t build_id_bytes; /* 0: none */
    uint64_t bias;         /* run-time minus link-time address, of the first place it was seen at */
};

struct result_stack {
    const struct result_frame *frames; /* innermost first */
    size_t depth;
    bool truncated;
};

/* What a result from a sampled trace has beside its values: for each estimate its 95 % interval and, where
 * rows can be added up, what the interval of their sum is made from. */
struct result_estimate {
    bool known; /* false: the value is no estimate, or is null */
    struct interval_basis basis;
    struct interval interval;
};
struct result_estimates {
    uint64_t rate_bytes; /* of the sampling; 0: all values are exact, their intervals have no width */
    bool *columns;       /* those that hold estimates */
    struct result_estimate *cells; /* row after row, as values */
    size_t capacity;               /* rows */
};

struct result {
    const char *name; /* static: "metrics", "sites", ...; the JSON array's name for tables */
    bool single_row;  /* an object rather than a table: metrics */
    const struct result_column *columns; /* static */
    size_t column_count;
    struct result_value *values; /* row after row */
    size_t row_count;
    struct result_stack *stacks;
    size_t stack_count;
    struct result_module *modules;
    size_t module_count;
    struct result_estimates *estimates; /* NULL: every value is exact */
    void *storage;                      /* arena of texts and frames; private to result.c */
};

/* A new, empty result with these static columns. Never NULL. Free with result_free. */
struct result *result_new(const char *name, const struct result_column *columns, size_t column_count);
void result_free(struct result *result);

/* Append a row of null values and return it: column_count values, valid until the next call. */
struct result_value *result_add_row(struct result *result);

/* RESULT, which has no row yet, is of a trace sampled at RATE_BYTES, or (0) will stand beside such results.
 * COLUMNS: the names of those that hold estimates, ended by NULL. */
void result_begin_estimates(struct result *result, uint64_t rate_bytes, const char *const *columns);
/* RESULT, which has no row yet and the columns of LIKE, is of the same trace. */
void result_copy_estimates(struct result *result, const struct result *like);
/* The value and interval of an estimate, in a column of integers or reals. The row keeps its place. */
void result_set_estimate(struct result *result, size_t row, size_t column,
                         const struct interval_basis *basis);
/* The same with an interval of the caller's: such rows cannot be added up. */
void result_set_interval(struct result *result, size_t row, size_t column, double value,
                         struct interval interval);
/* The estimate at ROW, COLUMN, or NULL: there is none. */
const struct result_estimate *result_get_estimate(const struct result *result, size_t row, size_t column);
/* Whether the column has estimates, in whatever row. */
bool result_column_is_estimated(const struct result *result, size_t column);

/* Setters; TEXT and frames are copied. result_add_stack returns the stack's index. */
struct result_value value_integer(int64_t integer);
struct result_value value_real(double real);
struct result_value value_boolean(bool boolean);
struct result_value value_text(struct result *result, const char *text, size_t length);
uint32_t result_add_stack(struct result *result, const struct result_frame *frames, size_t depth,
                          bool truncated);
/* Index of an equal module (path, build-id, bias), added when new. */
uint32_t result_add_module(struct result *result, const char *path, const uint8_t *build_id,
                           size_t build_id_bytes, uint64_t bias);

/* The index of column NAME, or -1. */
int result_column_index(const struct result *result, const char *name);
/* Row ROW's value in column NAME; a null value when there is no such column. */
struct result_value result_get(const struct result *result, size_t row, const char *name);

#endif
