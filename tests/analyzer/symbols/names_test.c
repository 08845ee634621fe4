/* analyzer/symbols: demangle.c and allocator_names.c, ranges.c. */
/* objects: analyzer/symbols/demangle.o analyzer/symbols/allocator_names.o analyzer/symbols/ranges.o */
/* objects: analyzer/util/memory.o analyzer/util/report_error.o analyzer/util/progress.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "symbols/allocator_names.h"
#include "symbols/demangle.h"
#include "symbols/ranges.h"

static void names_are_demangled(void **state)
{
    (void)state;
    /* As c++filt prints them, but for Rust's hashes, which say nothing to a person. */
    static const char *const names[][2] = {
        {"_Znwm", "operator new(unsigned long)"},
        {"_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back(int&&)"},
        {"_ZN7planted12inlined_leakEv", "planted::inlined_leak()"},
        {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad"},
        {"_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate::example"},
        {"main", NULL},
        {"_Zwhatever", NULL},
        {"_R", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = demangle(names[i][0]);
        if (names[i][1] == NULL)
            assert_null(name);
        else
            assert_string_equal(name, names[i][1]);
        free(name);
    }
    /* A name that would take for ever is left as it is. */
    enum { LONG = 100000 };
    char *longest = malloc(LONG);
    memset(longest, 'S', LONG);
    memcpy(longest, "_ZN", 3);
    longest[LONG - 1] = '\0';
    assert_null(demangle(longest));
    free(longest);
}

static void allocators_are_known(void **state)
{
    (void)state;
    static const char *const allocators[] = {
        "malloc",
        "operator new(unsigned long)",
        "operator new[](unsigned long)",
        "xmalloc",
        "__strdup",
        "g_malloc0",
        "std::__new_allocator<int>::allocate(unsigned long, void const*)",
        "alloc::vec::Vec<T>::push",
        "void std::__cxx11::basic_string<char>::_M_construct<char const*>(char const*, char const*)",
        "__gnu_cxx::new_allocator<int>::allocate(unsigned long, void const*)",
    };
    static const char *const others[] = {
        "main",     "my_malloc",  "load(std::string const&)", "standard", "void fill<std::string>(int)",
        "allocate", "mystd::f()",
    };
    for (size_t i = 0; i < sizeof allocators / sizeof *allocators; i++)
        if (!name_is_allocator(allocators[i])) fail_msg("%s is an allocator's", allocators[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (name_is_allocator(others[i])) fail_msg("%s is no allocator's", others[i]);
}

static void ranges_are_found(void **state)
{
    (void)state;
    struct ranges ranges = {0};
    ranges_add(&ranges, (struct range){100, 200, 1, 0});
    ranges_add(&ranges, (struct range){120, 130, 2, 0}); /* inside the first */
    ranges_add(&ranges, (struct range){300, 310, 3, 0});
    ranges_add(&ranges, (struct range){50, 50, 4, 0}); /* has no address */
    ranges_add(&ranges, (struct range){60, 40, 5, 0});
    ranges_sort(&ranges);
    static const uint64_t wanted[][2] = {{99, 0},  {100, 1}, {119, 1}, {120, 2}, {129, 2}, {130, 1},
                                         {199, 1}, {200, 0}, {299, 0}, {300, 3}, {310, 0}, {50, 0}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct range *range = ranges_find(&ranges, wanted[i][0]);
        assert_int_equal(range != NULL ? range->value : 0, wanted[i][1]);
    }
    assert_null(ranges_below(&ranges, 99));
    assert_int_equal(ranges_below(&ranges, 299)->value, 2);
    ranges_free(&ranges);
    assert_null(ranges_find(&ranges, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_demangled),
        cmocka_unit_test(allocators_are_known),
        cmocka_unit_test(ranges_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
