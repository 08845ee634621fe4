/* analyzer/util/units.c: what people read, and sizes as they write them. */
/* objects: analyzer/util/units.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include "util/units.h"

#define BYTES(value) units_bytes((char[UNITS_TEXT_BYTES]){0}, value)
#define NS(value)    units_ns((char[UNITS_TEXT_BYTES]){0}, value)
#define COUNT(value) units_count((char[UNITS_TEXT_BYTES]){0}, value)

static void bytes_have_three_digits(void **state)
{
    (void)state;
    assert_string_equal(BYTES(0), "0 B");
    assert_string_equal(BYTES(1023), "1023 B");
    assert_string_equal(BYTES(1024), "1.00 KiB");
    assert_string_equal(BYTES(1536), "1.50 KiB");
    assert_string_equal(BYTES(10 * 1024 + 512), "10.5 KiB");
    assert_string_equal(BYTES(999 * 1024), "999 KiB");
    assert_string_equal(BYTES(1024 * 1024 - 1), "1.00 MiB"); /* never "1024 KiB" */
    assert_string_equal(BYTES(-(INT64_C(3) << 20)), "-3.00 MiB");
    assert_string_equal(BYTES(INT64_MAX), "8.00 EiB");
    assert_string_equal(BYTES(INT64_MIN), "-8.00 EiB");
}

static void times_choose_their_unit(void **state)
{
    (void)state;
    assert_string_equal(NS(0), "0 ns");
    assert_string_equal(NS(999), "999 ns");
    assert_string_equal(NS(1500), "1.50 us");
    assert_string_equal(NS(999999), "1.00 ms");
    assert_string_equal(NS(12300000), "12.3 ms");
    assert_string_equal(NS(INT64_C(1250000000)), "1.25 s");
    assert_string_equal(NS(INT64_C(200) * 1000000000), "3 min 20 s");
    assert_string_equal(NS(INT64_C(18720) * 1000000000), "5 h 12 min");
}

static void counts_are_grouped(void **state)
{
    (void)state;
    assert_string_equal(COUNT(0), "0");
    assert_string_equal(COUNT(999), "999");
    assert_string_equal(COUNT(1000), "1,000");
    assert_string_equal(COUNT(-1234567), "-1,234,567");
    assert_string_equal(COUNT(-123), "-123");
    assert_string_equal(COUNT(INT64_MAX), "9,223,372,036,854,775,807");
}

static void sizes_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"17", 17},
        {"1K", 1024},
        {"1k", 1024},
        {"1KiB", 1024},
        {"1KB", 1000},
        {"500M", 500u << 20},
        {"2.5MiB", 2621440},
        {"1.5 GB", 1500000000},
        {"7B", 7},
        {"1G", 1u << 30},
        {"1TB", 1000000000000},
        {"0.5K", 512},
        {"9223372036854774784", UINT64_C(9223372036854774784)},
        {"9007199254740993", UINT64_C(9007199254740993)},
    };
    static const char *const bad[] = {"",
                                      "K",
                                      "-1",
                                      "+1",
                                      "1.2.3",
                                      "1X",
                                      "1 K B",
                                      "0x10",
                                      "1e3",
                                      "inf",
                                      "nan",
                                      ".5",
                                      "9223372036854775808",
                                      "99999999999999999999",
                                      "9000000T",
                                      " 1"};
    uint64_t bytes;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(units_parse_size(good[i].text, &bytes), 0);
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (units_parse_size(bad[i], &bytes) == 0)
            fail_msg("'%s' was taken as %llu bytes", bad[i], (unsigned long long)bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_three_digits),
        cmocka_unit_test(times_choose_their_unit),
        cmocka_unit_test(counts_are_grouped),
        cmocka_unit_test(sizes_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
