#include "renderers/numbers.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

void number_print(struct output *output, double real)
{
    char text[40];
    if (!isfinite(real)) real = 0;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, real);
        if (strtod(text, NULL) == real) break;
    }
    output_text(output, text);
}

bool number_print_value(struct output *output, enum value_type type, const struct result_value *value)
{
    if (type == VALUE_INTEGER)
        output_print(output, "%" PRId64, value->integer);
    else if (type == VALUE_REAL)
        number_print(output, value->real);
    else if (type == VALUE_BOOLEAN)
        output_text(output, value->boolean ? "true" : "false");
    else
        return false;
    return true;
}

static struct result_value interval_end(enum value_type type, double end)
{
    if (!isfinite(end)) return (struct result_value){.is_null = true};
    if (type == VALUE_REAL) return value_real(end);
    if (end >= 0x1p63) return value_integer(INT64_MAX);
    return value_integer(end <= -0x1p63 ? INT64_MIN : (int64_t)end);
}

struct interval_values number_interval(const struct result *result, size_t row, size_t column)
{
    const struct result_estimate *estimate = result_get_estimate(result, row, column);
    struct result_value value = result->values[row * result->column_count + column];
    enum value_type type = result->columns[column].type;
    bool integer = type == VALUE_INTEGER;
    if (estimate == NULL) return (struct interval_values){.low = value, .high = value};
    return (struct interval_values){
        .low = interval_end(type, integer ? floor(estimate->interval.low) : estimate->interval.low),
        .high = interval_end(type, integer ? ceil(estimate->interval.high) : estimate->interval.high),
    };
}

int64_t number_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return a < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}
