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

int64_t number_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return a < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}
