/* Numbers in CSV and JSON. */
#ifndef ANALYZER_RENDERERS_NUMBERS_H
#define ANALYZER_RENDERERS_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>
#include "results/result.h"
#include "util/output.h"

/* The shortest decimal form that reads back as REAL; NaN and infinities, which JSON has not, as 0. */
void number_print(struct output *output, double real);

/* An integer, real or boolean as both CSV and JSON spell it. False: VALUE is of another type. */
bool number_print_value(struct output *output, enum value_type type, const struct result_value *value);

/* The ends of the interval of the value at ROW, COLUMN: integers rounded outwards, null where there is no
 * end. Of a value that is no estimate both are the value: there is nothing to doubt. */
struct interval_values {
    struct result_value low, high;
};
struct interval_values number_interval(const struct result *result, size_t row, size_t column);

/* A + B, at most INT64_MAX and at least INT64_MIN: a damaged trace may claim any sizes. */
int64_t number_add(int64_t a, int64_t b);

#endif
