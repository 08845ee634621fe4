/* How estimates are printed: by each format, with their intervals; and added up by place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "renderers/places.h"
#include "renderers/renderer.h"

static const struct result_column columns[] = {
    {"bytes", VALUE_INTEGER, UNIT_BYTES, "bytes"},
    {"growth_percent", VALUE_REAL, UNIT_PERCENT, "growth"},
    {"seen", VALUE_INTEGER, UNIT_COUNT, "seen"},
    {"stack", VALUE_STACK, UNIT_NONE, "stack"},
};
enum { BYTES, GROWTH, SEEN, STACK, COLUMNS };
static const char *const estimated[] = {"bytes", "growth_percent", NULL};

/* COUNT rows of one place; each estimate is one event of 1,000 bytes that was sampled with little chance. */
static struct result *make_result(size_t count, uint64_t rate)
{
    struct result *result = result_new("things", columns, COLUMNS);
    uint32_t module = result_add_module(result, "/nowhere/lib.so", NULL, 0, 0);
    result_begin_estimates(result, rate, estimated);
    for (size_t i = 0; i < count; i++) {
        struct result_frame frames[2] = {{module, 0x101}, {module, 0x201 + i}};
        uint32_t stack = result_add_stack(result, frames, 2, false);
        struct result_value *row = result_add_row(result);
        row[BYTES] = value_integer(1000);
        row[SEEN] = value_integer(1);
        row[STACK] = (struct result_value){.stack = stack};
        if (rate == 0) continue;
        struct interval_basis basis = {.total = 1e6, .variance = 1e12, .heaviest = 1e6, .recorded = 1000};
        result_set_estimate(result, i, BYTES, &basis);
        result_set_interval(result, i, GROWTH, 12.5, (struct interval){-3.25, INFINITY});
    }
    return result;
}

static char *render(const struct renderer *renderer, const struct result *result)
{
    static char text[65536];
    struct output *output = output_open("estimates.out");
    struct render_context context = {.symbolizer = symbolizer_new(),
                                     .output = output,
                                     .trace_path = "a.mtr",
                                     .trace_count = 1,
                                     .value_column = "bytes"};
    renderer->render(result, &context);
    symbolizer_free(context.symbolizer);
    assert_int_equal(output_close(output), 0);
    FILE *file = fopen("estimates.out", "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* Garwood's interval of one event: 0.0253 to 5.572 (the lower end here by Wilson and Hilferty: 0.013). */
static void csv_and_json(void **state)
{
    (void)state;
    struct result *result = make_result(1, 512 << 10);
    long low, high;
    char *csv = render(&render_csv, result);
    assert_non_null(strstr(csv, "bytes,bytes_low,bytes_high,growth_percent,growth_percent_low,"
                                "growth_percent_high,seen,label,"));
    assert_int_equal(sscanf(strchr(csv, '\n'), "\n1000000,%ld,%ld,12.5,-3.25,,1,", &low, &high), 2);
    assert_in_range(low, 10000, 26000);
    assert_in_range(high, 5550000, 5600000);
    json_t *object = json_loads(render(&render_json, result), 0, NULL);
    json_t *row = json_array_get(json_object_get(object, "things"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "bytes")), 1000000);
    assert_int_equal(json_integer_value(json_object_get(row, "bytes_low")), low);
    assert_int_equal(json_integer_value(json_object_get(row, "bytes_high")), high);
    assert_true(json_real_value(json_object_get(row, "growth_percent_low")) == -3.25);
    assert_true(json_is_null(json_object_get(row, "growth_percent_high"))); /* there is no end */
    assert_null(json_object_get(row, "seen_low"));
    json_decref(object);
    result_free(result);
}

/* A value that is exact, in a column of estimates: both ends are the value. */
static void exact_values(void **state)
{
    (void)state;
    struct result *result = make_result(1, 0);
    assert_non_null(strstr(render(&render_csv, result), "\n1000,1000,1000,,,,1,"));
    assert_null(strstr(render(&render_text, result), "estimated"));
    result_free(result);
}

/* TEXT with each run of blanks as one. */
static char *squeezed(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++)
        if (*at != ' ' || to == text || to[-1] != ' ') *to++ = *at;
    *to = '\0';
    return text;
}

static void text_lines(void **state)
{
    (void)state;
    struct result *result = make_result(2, 512 << 10);
    char *text = squeezed(render(&render_text, result));
    assert_non_null(strstr(text, "estimated from a sample"));
    assert_non_null(strstr(text, "\n 1 977 KiB 12.5 % 1\n"));
    assert_non_null(strstr(text, "\n low 12."));
    assert_non_null(strstr(text, "\n high 5.3"));
    /* Two events of a million: Garwood has 0.242 to 7.22 of them. The sum of the ends would be 11.1. */
    assert_non_null(strstr(text, "\ntotal 1.91 MiB"));
    assert_non_null(strstr(strstr(text, "\ntotal"), "\n high 6.8"));
    result_free(result);
    result = make_result(1, 512 << 10);
    result->single_row = true;
    text = render(&render_text, result);
    assert_non_null(strstr(text, "bytes   977 KiB  ("));
    assert_non_null(strstr(text, " to 5.3"));
    assert_non_null(strstr(text, "growth  12.5 %  (-3.2 % or more)"));
    assert_non_null(strstr(text, "seen    1\n"));
    result_free(result);
}

static void places_add_up(void **state)
{
    (void)state;
    struct result *result = make_result(5, 512 << 10);
    struct symbolizer *symbolizer = symbolizer_new();
    struct result *places = places_of(result, symbolizer, "bytes");
    assert_int_equal(places->row_count, 1);
    assert_int_equal(result_get(places, 0, "bytes").integer, 5000000);
    assert_int_equal(result_get(places, 0, "seen").integer, 5);
    const struct result_estimate *sum = result_get_estimate(places, 0, BYTES);
    assert_non_null(sum);
    /* Garwood's for 5 events is 1.62 to 11.67; five times that for one would end at 27.9. */
    assert_true(fabs(sum->interval.low / 1.6e6 - 1) < 0.03);
    assert_true(fabs(sum->interval.high / 11.67e6 - 1) < 0.01);
    assert_true(sum->basis.recorded == 5000);
    result_free(places);
    symbolizer_free(symbolizer);
    result_free(result);
}

/* Collapsed stacks have no room for intervals; their values are the estimates. */
static void folded_values(void **state)
{
    (void)state;
    struct result *result = make_result(1, 512 << 10);
    assert_non_null(strstr(render(&render_folded, result), " 1000000\n"));
    result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_and_json),  cmocka_unit_test(exact_values),  cmocka_unit_test(text_lines),
        cmocka_unit_test(places_add_up), cmocka_unit_test(folded_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
