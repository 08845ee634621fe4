/* analyzer/results/result.c: rows, texts, stacks and modules of a result. */
/* objects: analyzer/results/result.o analyzer/results/interval.o */
/* objects: analyzer/util/memory.o analyzer/util/report_error.o */
/* objects: analyzer/util/progress.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "results/result.h"

static const struct result_column columns[] = {
    {"bytes", VALUE_INTEGER, UNIT_BYTES, "bytes"},
    {"name", VALUE_TEXT, UNIT_NONE, "name"},
    {"stack", VALUE_STACK, UNIT_NONE, "stack"},
};

static void rows_begin_unknown(void **state)
{
    (void)state;
    struct result *result = result_new("test", columns, 3);
    struct result_value *row = result_add_row(result);
    for (size_t i = 0; i < 3; i++)
        assert_true(row[i].is_null);
    row[0] = value_integer(INT64_MAX);
    assert_int_equal(result_get(result, 0, "bytes").integer, INT64_MAX);
    assert_true(result_get(result, 0, "name").is_null);
    assert_true(result_get(result, 0, "nonsense").is_null);
    assert_true(result_get(result, 1, "bytes").is_null);
    assert_int_equal(result_column_index(result, "stack"), 2);
    assert_int_equal(result_column_index(result, "nonsense"), -1);
    result_free(result);
    result_free(NULL);
}

static void everything_is_copied(void **state)
{
    (void)state;
    struct result *result = result_new("test", columns, 3);
    for (int64_t i = 0; i < 5000; i++) {
        char text[32] = "name of a row";
        struct result_frame frames[3] = {{0, 100 + (uint64_t)i}, {RESULT_NO_MODULE, 7}, {1, 3}};
        text[0] = (char)('a' + i % 26);
        struct result_value name = value_text(result, text, 6);
        uint32_t stack = result_add_stack(result, frames, (size_t)(i % 4 == 3 ? 0 : i % 4 + 1), i % 2 == 0);
        struct result_value *row = result_add_row(result);
        row[0] = value_integer(i);
        row[1] = name;
        row[2] = (struct result_value){.stack = stack};
        memset(text, '?', sizeof text);
        memset(frames, 0xff, sizeof frames);
    }
    assert_int_equal(result->row_count, 5000);
    for (size_t i = 0; i < 5000; i++) {
        char wanted[] = "xame o";
        wanted[0] = (char)('a' + i % 26);
        assert_int_equal(result_get(result, i, "bytes").integer, i);
        assert_string_equal(result_get(result, i, "name").text, wanted);
        const struct result_stack *stack = &result->stacks[result_get(result, i, "stack").stack];
        assert_int_equal(stack->depth, i % 4 == 3 ? 0 : i % 4 + 1);
        assert_int_equal(stack->truncated, i % 2 == 0);
        if (stack->depth > 0) assert_int_equal(stack->frames[0].link_address, 100 + i);
    }
    result_free(result);
}

static void equal_modules_are_one(void **state)
{
    (void)state;
    struct result *result = result_new("test", columns, 3);
    const uint8_t id[] = "0123456789abcdefghij", other[] = "0123456789abcdefghik";
    uint32_t first = result_add_module(result, "/lib/a.so", id, 20, 0x1000);
    assert_int_equal(result_add_module(result, "/lib/a.so", id, 20, 0x1000), first);
    assert_int_not_equal(result_add_module(result, "/lib/b.so", id, 20, 0x1000), first);
    assert_int_not_equal(result_add_module(result, "/lib/a.so", other, 20, 0x1000), first);
    assert_int_not_equal(result_add_module(result, "/lib/a.so", NULL, 0, 0x1000), first);
    assert_int_not_equal(result_add_module(result, "/lib/a.so", id, 20, 0x2000), first);
    assert_int_equal(result->module_count, 5);
    assert_memory_equal(result->modules[first].build_id, id, 20);
    result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_begin_unknown),
        cmocka_unit_test(everything_is_copied),
        cmocka_unit_test(equal_modules_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
