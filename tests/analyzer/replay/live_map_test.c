/* objects: analyzer/replay/live_map.o analyzer/util/memory.o analyzer/util/report_error.o
 * analyzer/util/progress.o */
/* The live map against a plain array of addresses: random insertions, replacements and removals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdlib.h>
#include "replay/live_map.h"

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Addresses are drawn from a set of KINDS; truth[k] is the size there, 0: none. */
static void compare_with_array(uint64_t seed, size_t kinds, size_t steps, uint64_t stride)
{
    struct live_map *map = live_map_new();
    uint64_t *truth = calloc(kinds, sizeof(*truth));
    size_t live = 0;

    for (size_t step = 1; step <= steps; step++) {
        size_t k = next_random(&seed) % kinds;
        uint64_t address = 0x7f0000000000u + k * stride;
        struct live_block block = {.address = address, .size = step, .site = 1 + (uint32_t)k}, out = {0};
        if (next_random(&seed) % 5 < 2) {
            bool found = live_map_remove(map, address, &out);
            assert_int_equal(found, truth[k] != 0);
            if (found) assert_int_equal(out.size, truth[k]);
            live -= found;
            truth[k] = 0;
        } else {
            bool replaced = live_map_insert(map, &block, &out);
            assert_int_equal(replaced, truth[k] != 0);
            if (replaced) assert_int_equal(out.size, truth[k]);
            live += !replaced;
            truth[k] = step;
        }
        assert_int_equal(live_map_count(map), live);
    }
    for (size_t k = 0; k < kinds; k++) {
        struct live_block out = {0};
        bool found = live_map_remove(map, 0x7f0000000000u + k * stride, &out);
        assert_int_equal(found, truth[k] != 0);
        if (found) {
            assert_int_equal(out.size, truth[k]);
            assert_int_equal(out.site, 1 + k);
        }
    }
    assert_int_equal(live_map_count(map), 0);
    free(truth);
    live_map_free(map);
}

static void few_addresses(void **state)
{
    (void)state;
    compare_with_array(1, 10, 20000, 16);
}

static void many_addresses(void **state)
{
    (void)state;
    compare_with_array(2, 200000, 600000, 16);
    compare_with_array(3, 50000, 300000, 4096);
}

static void any_address_is_a_key(void **state)
{
    const uint64_t addresses[] = {0, 1, UINT64_MAX, (uint64_t)1 << 63};
    struct live_map *map = live_map_new();
    struct live_block out;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct live_block block = {.address = addresses[i], .size = i, .site = 7};
        assert_false(live_map_remove(map, addresses[i], &out));
        assert_false(live_map_insert(map, &block, &out));
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(live_map_remove(map, addresses[i], &out));
        assert_int_equal(out.size, i);
    }
    live_map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_addresses),
        cmocka_unit_test(many_addresses),
        cmocka_unit_test(any_address_is_a_key),
    };

    return cmocka_run_group_tests_name("live_map", tests, NULL, NULL);
}
