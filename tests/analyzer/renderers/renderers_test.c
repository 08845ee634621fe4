/* analyzer/renderers: each format of a hand-built result, texts that need quoting among its values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "renderers/frames.h"
#include "renderers/places.h"
#include "renderers/renderer.h"

static const struct result_column columns[] = {
    {"bytes", VALUE_INTEGER, UNIT_BYTES, "bytes"},     {"blocks", VALUE_INTEGER, UNIT_COUNT, "blocks"},
    {"share_percent", VALUE_REAL, UNIT_PERCENT, NULL}, {"pool", VALUE_BOOLEAN, UNIT_NONE, "pool"},
    {"name", VALUE_TEXT, UNIT_NONE, "name"},           {"stack", VALUE_STACK, UNIT_NONE, "stack"},
};
enum { BYTES, BLOCKS, SHARE, POOL, NAME, STACK, COLUMNS };

static void add_row(struct result *result, int64_t bytes, const char *name, const uint64_t *addresses,
                    size_t depth)
{
    struct result_frame frames[8];
    uint32_t module =
        result_add_module(result, "/nowhere/lib;a,b.so", (const uint8_t *)"0123456789abcdefghij", 20, 0);
    for (size_t i = 0; i < depth; i++)
        frames[i] = (struct result_frame){.module = module, .link_address = addresses[i]};
    struct result_value text = {.is_null = true};
    if (name != NULL) text = value_text(result, name, strlen(name));
    uint32_t stack = result_add_stack(result, frames, depth, depth == 3);
    struct result_value *row = result_add_row(result);
    row[BYTES] = value_integer(bytes);
    row[BLOCKS] = value_integer(1);
    row[SHARE] = value_real(0.1);
    row[POOL] = value_boolean(bytes == 5);
    row[NAME] = text;
    row[STACK] = (struct result_value){.stack = stack};
}

static struct result *make_result(void)
{
    static const uint64_t one[] = {0x101}, two[] = {0x101, 0x201}, three[] = {0x301, 0x201, 0x401};
    struct result *result = result_new("things", columns, COLUMNS);
    add_row(result, INT64_MAX, "plain", one, 1);
    add_row(result, 5, "a \"quoted\", comma\nand line \xff\xc3\xa9", two, 2);
    add_row(result, 2048, NULL, three, 3);
    add_row(result, 0, "", NULL, 0);
    return result;
}

/* What RENDERER makes of RESULT, the INDEX-th of COUNT traces; appended to the file `rendered`. */
static void render(const struct renderer *renderer, const struct result *result, size_t index, size_t count,
                   uint64_t top)
{
    struct output *output = output_open("part");
    struct render_context context = {.symbolizer = symbolizer_new(),
                                     .output = output,
                                     .trace_path = index == 0 ? "a.mtr" : "b,c.mtr",
                                     .trace_index = index,
                                     .trace_count = count,
                                     .top = top,
                                     .value_column = "bytes"};
    renderer->render(result, &context);
    symbolizer_free(context.symbolizer);
    assert_int_equal(output_close(output), 0);
    assert_int_equal(system(index == 0 ? "cat part >rendered" : "cat part >>rendered"), 0);
}

static const char *rendered(void)
{
    static char text[65536];
    FILE *file = fopen("rendered", "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

#define GONE "its file cannot be read"

static void csv_is_quoted(void **state)
{
    (void)state;
    struct result *result = make_result();
    render(&render_csv, result, 0, 1, 0);
    assert_string_equal(
        rendered(), "bytes,blocks,share_percent,pool,name,label,function,file,line,module,stack\n"
                    "9223372036854775807,1,0.1,false,plain,\"lib;a,b.so+0x100\",\"lib;a,b.so+0x100\",,,"
                    "\"/nowhere/lib;a,b.so\",\"lib:a,b.so+0x100\"\n"
                    "5,1,0.1,true,\"a \"\"quoted\"\", comma\nand line "
                    "\xff\xc3\xa9\",\"lib;a,b.so+0x100\",\"lib;a,b.so+0x100\",,,"
                    "\"/nowhere/lib;a,b.so\",\"lib:a,b.so+0x200;lib:a,b.so+0x100\"\n"
                    "2048,1,0.1,false,,\"lib;a,b.so+0x300\",\"lib;a,b.so+0x300\",,,\"/nowhere/lib;a,b.so\","
                    "\"[truncated];lib:a,b.so+0x400;lib:a,b.so+0x200;lib:a,b.so+0x300\"\n"
                    "0,1,0.1,false,,[no stack],,,,,[no stack]\n");
    render(&render_csv, result, 0, 2, 0);
    render(&render_csv, result, 1, 2, 0);
    assert_non_null(strstr(rendered(), "trace,bytes,"));
    assert_non_null(strstr(rendered(), "\na.mtr,5,"));
    assert_non_null(strstr(rendered(), "\n\"b,c.mtr\",5,"));
    assert_null(strstr(rendered() + 1, "trace,bytes,")); /* one header */
    result_free(result);
}

static void csv_labels_suit_gnuplot(void **state)
{
    (void)state;
    struct result *result = result_new("things", columns, COLUMNS);
    struct result_frame frame = {.module = result_add_module(result, "/nowhere/a\"b\\n.so", NULL, 0, 0),
                                 .link_address = 0x101};
    uint32_t stack = result_add_stack(result, &frame, 1, false);
    result_add_row(result)[STACK] = (struct result_value){.stack = stack};
    render(&render_csv, result, 0, 1, 0);
    assert_non_null(strstr(rendered(), "\n,,,,,a'b/n.so+0x100,\"a\"\"b\\n.so+0x100\",,,"));
    result_free(result);
}

static void json_keeps_every_value(void **state)
{
    (void)state;
    struct result *result = make_result();
    render(&render_json, result, 0, 1, 1); /* top is for people */
    json_t *object = json_loads(rendered(), 0, NULL), *rows = json_object_get(object, "things");
    assert_int_equal(json_array_size(rows), 4);
    json_t *row = json_array_get(rows, 0);
    assert_true(json_integer_value(json_object_get(row, "bytes")) == INT64_MAX);
    assert_true(json_real_value(json_object_get(row, "share_percent")) == 0.1);
    assert_true(json_is_false(json_object_get(row, "pool")));
    row = json_array_get(rows, 1);
    assert_string_equal(json_string_value(json_object_get(row, "name")),
                        "a \"quoted\", comma\nand line \xef\xbf\xbd\xc3\xa9");
    json_t *stack = json_object_get(row, "stack"), *frame = json_array_get(stack, 1);
    assert_int_equal(json_array_size(stack), 2);
    assert_string_equal(json_string_value(json_object_get(frame, "function")), "lib;a,b.so+0x200");
    assert_true(json_is_null(json_object_get(frame, "file")));
    assert_true(json_is_null(json_object_get(frame, "line")));
    assert_string_equal(json_string_value(json_object_get(frame, "module")), "/nowhere/lib;a,b.so");
    assert_string_equal(json_string_value(json_object_get(frame, "note")), GONE);
    row = json_array_get(rows, 2);
    assert_true(json_is_null(json_object_get(row, "name")));
    assert_true(json_is_true(json_object_get(row, "stack_truncated")));
    assert_int_equal(json_array_size(json_object_get(json_array_get(rows, 3), "stack")), 0);
    json_decref(object);
    result_free(result);
}

static void json_of_several_traces_is_an_array(void **state)
{
    (void)state;
    struct result *result = make_result(), *empty = result_new("things", columns, COLUMNS);
    render(&render_json, result, 0, 2, 0);
    render(&render_json, empty, 1, 2, 0);
    json_t *array = json_loads(rendered(), 0, NULL);
    assert_int_equal(json_array_size(array), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(array, 1), "trace")), "b,c.mtr");
    assert_int_equal(json_array_size(json_object_get(json_array_get(array, 1), "things")), 0);
    json_decref(array);
    /* A single-row result is the object itself. */
    result->single_row = true;
    render(&render_json, result, 0, 1, 0);
    json_t *object = json_loads(rendered(), 0, NULL);
    assert_true(json_integer_value(json_object_get(object, "bytes")) == INT64_MAX);
    json_decref(object);
    result_free(result);
    result_free(empty);
}

static void folded_adds_equal_stacks(void **state)
{
    (void)state;
    static const uint64_t two[] = {0x101, 0x201};
    struct result *result = make_result();
    add_row(result, 7, "again", two, 2);
    render(&render_folded, result, 0, 1, 0);
    assert_string_equal(rendered(), "[truncated];lib:a,b.so+0x400;lib:a,b.so+0x200;lib:a,b.so+0x300 2048\n"
                                    "lib:a,b.so+0x100 9223372036854775807\n"
                                    "lib:a,b.so+0x200;lib:a,b.so+0x100 12\n");
    result_free(result);
}

static void text_shows_the_first_rows_and_totals(void **state)
{
    (void)state;
    struct result *result = make_result();
    result->values[BYTES].integer = 1024;
    render(&render_text, result, 0, 1, 2);
    const char *text = rendered();
    assert_non_null(strstr(text, "1.00 KiB"));
    assert_non_null(strstr(text, "3.00 KiB")); /* 1024 + 5 + 2048 + 0, all rows */
    assert_non_null(strstr(text, "        lib;a,b.so+0x200 (" GONE ")\n"));
    assert_null(strstr(text, "+0x400"));
    assert_non_null(strstr(text, "2 of 4 things; --top 0 shows all\n"));
    render(&render_text, result, 0, 1, 0);
    assert_non_null(strstr(rendered(), "truncated"));
    assert_null(strstr(rendered(), "shows all"));
    result->row_count = 0;
    render(&render_text, result, 0, 1, 0);
    assert_string_equal(rendered(), "no things\n");
    result_free(result);
}

static void places_add_up(void **state)
{
    (void)state;
    struct result *result = make_result();
    result->values[BYTES].integer = 1000;
    struct symbolizer *symbolizer = symbolizer_new();
    struct result *places = places_of(result, symbolizer, "bytes");
    assert_int_equal(places->row_count, 3);
    assert_int_equal(result_get(places, 0, "bytes").integer, 2048);
    assert_int_equal(result_get(places, 1, "bytes").integer, 1005);
    assert_int_equal(result_get(places, 1, "blocks").integer, 2);
    assert_string_equal(result_get(places, 1, "name").text, "plain");
    assert_int_equal(places->stacks[result_get(places, 1, "stack").stack].depth, 1);
    assert_true(places->stacks[result_get(places, 0, "stack").stack].truncated);
    result_free(places);
    symbolizer_free(symbolizer);
    result_free(result);
}

static void names_are_shortened(void **state)
{
    (void)state;
    static const struct {
        const char *name, *wanted;
    } names[] = {
        {"main", "main"},
        {"load(int, char const*)", "load"},
        {"ns::Parser::next() const", "ns::Parser::next"},
        {"void fill<int>(std::vector<int>&)", "fill<int>"},
        {"(anonymous namespace)::helper(int)", "(anonymous namespace)::helper"},
        {"ns::Call::operator()(int) const", "ns::Call::operator()"},
        {"operator new(unsigned long)", "operator new"},
        {"std::map<int, std::pair<int, int> >::operator[](int const&)",
         "std::map<int, std::pair<int, int> >::operator[]"},
        {"ns::Table<std::__cxx11::basic_string<char>, std::allocator<char> >::insert_unique(int)",
         "ns::Table<>::insert_unique"},
        {"main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()"},
        {"parse(char const*)::cache", "parse(char const*)::cache"},
        {"libfoo.so+0x1234", "libfoo.so+0x1234"},
        {"<alloc::vec::Vec<T> as core::clone::Clone>::clone",
         "<alloc::vec::Vec<> as core::clone::Clone>::clone"},
        {"(", "("},
        {")", ")"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *shown = frames_short_name(names[i].name);
        assert_string_equal(shown, names[i].wanted);
        free(shown);
    }
    char longest[400];
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest + 60, "\xc3\xa9\xc3\xa9\xc3\xa9", 6);
    longest[sizeof longest - 1] = '\0';
    struct symbol_frame frame = {.function = longest};
    char *label = frame_label(&frame);
    assert_int_equal(strlen(label), FRAMES_LABEL_NAME + 1); /* one é of two bytes is before the cut */
    assert_string_equal(label + 60, "\xc3\xa9...");
    free(label);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_quoted),
        cmocka_unit_test(csv_labels_suit_gnuplot),
        cmocka_unit_test(json_keeps_every_value),
        cmocka_unit_test(json_of_several_traces_is_an_array),
        cmocka_unit_test(folded_adds_equal_stacks),
        cmocka_unit_test(text_shows_the_first_rows_and_totals),
        cmocka_unit_test(places_add_up),
        cmocka_unit_test(names_are_shortened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
