/* objects: preload/process/config.o */
/* MEMTRACE_* to struct config: sense, nonsense, and image patterns. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "process/config.h"

static void read_one(const char *variable)
{
    char *environment[] = {(char *)"OTHER=1", (char *)(uintptr_t)variable, NULL};
    config_read(environment, false);
}

static void defaults(void **state)
{
    (void)state;
    char *empty[] = {NULL};
    config_read(NULL, false);
    assert_false(config.disabled);
    assert_false(config.verbose);
    assert_int_equal(config.depth_limit, 512);
    assert_string_equal(config.output, "memtrace.%n.%p.mtr");
    assert_string_equal(config.images, "");
    assert_string_equal(config.complaint, "");
    config_read(empty, false);
    assert_int_equal(config.depth_limit, 512);
    read_one("MEMTRACE_DEPTHX=7"); /* no variable's name is a part of another's */
    assert_int_equal(config.depth_limit, 512);
}

static void secure(void **state)
{
    (void)state;
    char *environment[] = {(char *)"MEMTRACE_OUTPUT=/etc/x", (char *)"MEMTRACE_VERBOSE=1", NULL};
    config_read(environment, true);
    assert_true(config.disabled);
    assert_false(config.verbose);
    assert_string_equal(config.output, "memtrace.%n.%p.mtr");
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *variable;
        uint64_t limit;
    } good[] = {
        {"MEMTRACE_LIMIT=262144", 262144},   {"MEMTRACE_LIMIT=256K", 262144},
        {"MEMTRACE_LIMIT=256KiB", 262144},   {"MEMTRACE_LIMIT=1MB", 1000000},
        {"MEMTRACE_LIMIT=1M", 1 << 20},      {"MEMTRACE_LIMIT=3GB", 3000000000},
        {"MEMTRACE_LIMIT=2GiB", 2ull << 30}, {"MEMTRACE_LIMIT=18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        read_one(good[i].variable);
        assert_int_equal(config.limit_bytes, good[i].limit);
        assert_string_equal(config.complaint, "");
    }
    static const char *const bad[] = {
        "MEMTRACE_LIMIT=0",   "MEMTRACE_LIMIT=1",    "MEMTRACE_LIMIT=K",
        "MEMTRACE_LIMIT=-1M", "MEMTRACE_LIMIT=1.5G", "MEMTRACE_LIMIT=18446744073709551616",
        "MEMTRACE_LIMIT=1T",  "MEMTRACE_LIMIT= 1M",  "MEMTRACE_LIMIT=99999999999G",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        read_one(bad[i]);
        assert_int_equal(config.limit_bytes, 0);
        assert_non_null(strstr(config.complaint, "MEMTRACE_LIMIT"));
    }
    read_one("MEMTRACE_DEPTH=4096");
    assert_int_equal(config.depth_limit, 4096);
    read_one("MEMTRACE_DEPTH=4097");
    assert_int_equal(config.depth_limit, 512);
    assert_non_null(strstr(config.complaint, "4097"));
}

static void too_long(void **state)
{
    (void)state;
    char value[4200] = "MEMTRACE_OUTPUT=";
    memset(value + strlen(value), 'a', 4000);
    read_one(value);
    assert_string_equal(config.output, "memtrace.%n.%p.mtr");
    assert_non_null(strstr(config.complaint, "MEMTRACE_OUTPUT"));
    memcpy(value, "MEMTRACE_IMAGES=", 16);
    read_one(value); /* rather none than all */
    assert_non_null(strstr(config.complaint, "MEMTRACE_IMAGES"));
    assert_false(config_image_matches(config.images, "anything"));
    memcpy(value, "MEMTRACE_DEPTH=1", 16);
    read_one(value); /* what is quoted is cut */
    assert_true(strlen(config.complaint) < sizeof(config.complaint));
}

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool matches;
    } cases[] = {
        {"*", "a", true},
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"a*b", "ab", true},
        {"a*b", "aXXb", true},
        {"a*b", "aXbX", false},
        {"a*b*c", "abbbc", true},
        {"?", "a", true},
        {"?", "", false},
        {"a,b", "b", true},
        {"a,b", "a", true},
        {"a,b", "a,b", false},
        {"a,,b", "", true},
        {"*.so,py*", "python3", true},
        {"**a**", "xxaxx", true},
        {"[a]", "a", false},
        {"a\\*", "a*", false},
        {"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         false}, /* at once */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (config_image_matches(cases[i].pattern, cases[i].name) != cases[i].matches)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].name);
}

static void sampling(void **state)
{
    (void)state;
    static const struct {
        const char *variable;
        uint64_t rate;
    } good[] = {
        {"MEMTRACE_SAMPLE=512K", 512 << 10},
        {"MEMTRACE_SAMPLE=1MB", 1000000},
        {"MEMTRACE_SAMPLE=1", 1},
        {"MEMTRACE_SAMPLE=0", 0}, /* all is recorded */
        {"MEMTRACE_SAMPLE=1024G", 1ull << 40},
        {"MEMTRACE_SAMPLE=", 0},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        read_one(good[i].variable);
        assert_int_equal(config.sample_bytes, good[i].rate);
        assert_false(config.sample_seeded);
        assert_string_equal(config.complaint, "");
    }
    static const char *const bad[] = {"MEMTRACE_SAMPLE=512k", "MEMTRACE_SAMPLE=-1", "MEMTRACE_SAMPLE=1025G",
                                      "MEMTRACE_SAMPLE=half"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        read_one(bad[i]);
        assert_int_equal(config.sample_bytes, 0);
        assert_non_null(strstr(config.complaint, "all is recorded"));
    }
    read_one("MEMTRACE_SAMPLE_SEED=0");
    assert_true(config.sample_seeded);
    assert_int_equal(config.sample_seed, 0);
    read_one("MEMTRACE_SAMPLE_SEED=18446744073709551615");
    assert_int_equal(config.sample_seed, UINT64_MAX);
    read_one("MEMTRACE_SAMPLE_SEED=x");
    assert_false(config.sample_seeded);
    assert_non_null(strstr(config.complaint, "MEMTRACE_SAMPLE_SEED=x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(secure),   cmocka_unit_test(numbers),
        cmocka_unit_test(sampling), cmocka_unit_test(too_long), cmocka_unit_test(patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
