/* objects: analyzer/reducers/level.o analyzer/util/memory.o analyzer/util/report_error.o
 * analyzer/util/progress.o */
/* Mean, percentiles and slope of a level over time, against the definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include "reducers/level.h"

static void assert_percentile(const struct level *level, unsigned percent, uint64_t expected)
{
    uint64_t value;

    assert_true(level_percentile(level, percent, &value));
    assert_int_equal(value, expected);
}

static void weights_are_times(void **state)
{
    struct level level = {0};
    double mean;

    (void)state;
    level_set(&level, 100, 10);      /* for 50 ticks */
    level_set(&level, 150, 30);      /* for 45 */
    level_set(&level, 195, 1000000); /* for no time at all */
    level_set(&level, 195, 20);      /* for 5 */
    level_set(&level, 200, 40);
    level_hold(&level, 200);
    assert_percentile(&level, 50, 10);
    assert_percentile(&level, 51, 20);
    assert_percentile(&level, 55, 20);
    assert_percentile(&level, 56, 30);
    assert_percentile(&level, 100, 30);
    assert_true(level_mean(&level, &mean));
    assert_true(fabs(mean - (10 * 50 + 30 * 45 + 20 * 5) / 100.0) < 1e-9);
    level_free(&level);
}

static int compare_values(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* One tick a value: nearest rank of the sorted values, sorted[ceil(q * n) - 1]. */
static void percentiles_are_nearest_rank(void **state)
{
    enum { COUNT = 1000 };
    struct level level = {0};
    uint64_t values[COUNT];
    double sum = 0, mean;

    (void)state;
    srand(3);
    for (uint64_t i = 0; i < COUNT; i++) {
        values[i] = (uint64_t)rand() % 50000;
        sum += (double)values[i];
        level_set(&level, i, values[i]);
    }
    level_hold(&level, COUNT);
    qsort(values, COUNT, sizeof(*values), compare_values);
    for (unsigned percent = 1; percent <= 100; percent++)
        assert_percentile(&level, percent, values[(percent * COUNT + 99) / 100 - 1]);
    assert_true(level_mean(&level, &mean));
    assert_true(fabs(mean - sum / COUNT) < 1e-6);
    level_free(&level);
}

/* Beyond 65,536 values ranges are told apart, and of each its greatest value is said: one that was there. */
static void great_values_stay_close(void **state)
{
    enum { COUNT = 3000 };
    struct level level = {0};
    uint64_t values[COUNT], greatest = 0;

    (void)state;
    srand(4);
    for (uint64_t i = 0; i < COUNT; i++) {
        values[i] = ((uint64_t)rand() << 20) % ((uint64_t)1 << (20 + i % 25));
        if (values[i] > greatest) greatest = values[i];
        level_set(&level, i, values[i]);
    }
    level_hold(&level, COUNT);
    qsort(values, COUNT, sizeof(*values), compare_values);
    for (unsigned percent = 1; percent <= 100; percent++) {
        uint64_t exact = values[(percent * COUNT + 99) / 100 - 1], value;
        assert_true(level_percentile(&level, percent, &value));
        assert_true(value >= exact && value - exact <= greatest / 32768);
        assert_non_null(bsearch(&value, values, COUNT, sizeof(*values), compare_values));
    }
    level_free(&level);
}

static void steady_values_are_exact(void **state)
{
    struct level level = {0};

    (void)state;
    level_set(&level, 0, 0);
    level_set(&level, 1, 123456789);
    level_set(&level, 1000, (uint64_t)1 << 40);
    level_hold(&level, 1001);
    assert_percentile(&level, 50, 123456789);
    assert_percentile(&level, 100, (uint64_t)1 << 40);
    level_free(&level);
}

static void a_line_has_its_slope(void **state)
{
    struct level level = {0};
    struct level_slope slope;

    (void)state;
    level_restart(&level, 1000);
    for (uint64_t i = 0; i <= 100000; i++)
        level_set(&level, 1000 + 10 * i, 5000 + 3 * i);
    level_hold(&level, 1000 + 10 * 100000);
    assert_true(level_find_slope(&level, &slope));
    assert_true(fabs(slope.slope - 0.3) < 1e-3);
    assert_true(slope.low <= slope.slope && slope.slope <= slope.high);
    level_free(&level);
}

/* Noise around a level, with bursts: the interval holds 0, and outliers do not move the slope. */
static void noise_has_none(void **state)
{
    struct level level = {0};
    struct level_slope slope;

    (void)state;
    srand(5);
    level_restart(&level, 0);
    for (uint64_t i = 0; i < 50000; i++)
        level_set(&level, i, (i > 45000 && i % 100 < 3 ? 900000 : 1000) + (uint64_t)rand() % 100);
    level_hold(&level, 50000);
    assert_true(level_find_slope(&level, &slope));
    assert_true(slope.low <= 0.001 && slope.high >= -0.001);
    assert_true(fabs(slope.slope) < 0.01); /* least squares would say 0.5 */
    level_free(&level);
}

static void a_restart_forgets_what_was_before(void **state)
{
    struct level level = {0};
    struct level_slope slope;

    (void)state;
    level_restart(&level, 0);
    for (uint64_t i = 0; i < 1000; i++)
        level_set(&level, i, i * 1000);
    level_restart(&level, 1000);
    for (uint64_t i = 1000; i < 2000; i++)
        level_set(&level, i, 77);
    level_hold(&level, 2000);
    assert_true(level_find_slope(&level, &slope));
    assert_true(slope.slope == 0);
    assert_percentile(&level, 50, 77); /* but the percentiles remember */
    assert_percentile(&level, 100, 999000);
    level_free(&level);
}

static void nothing_is_said_of_nothing(void **state)
{
    struct level level = {0};
    struct level_slope slope;
    uint64_t value;
    double mean;

    (void)state;
    assert_false(level_percentile(&level, 50, &value));
    assert_false(level_mean(&level, &mean));
    assert_false(level_find_slope(&level, &slope));
    level_set(&level, 5, 42); /* a value, but no time */
    assert_percentile(&level, 50, 42);
    assert_true(level_mean(&level, &mean) && mean == 42);
    assert_false(level_find_slope(&level, &slope));
    level_free(&level);
}

static void impossible_times_are_survived(void **state)
{
    struct level level = {0};
    struct level_slope slope;

    (void)state;
    level_restart(&level, 0);
    level_set(&level, 0, UINT64_MAX);
    level_set(&level, UINT64_MAX, UINT64_MAX);
    level_set(&level, 3, 1); /* back: no time */
    level_hold(&level, UINT64_MAX);
    level_find_slope(&level, &slope);
    assert_percentile(&level, 50, UINT64_MAX);
    level_free(&level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_times),
        cmocka_unit_test(percentiles_are_nearest_rank),
        cmocka_unit_test(great_values_stay_close),
        cmocka_unit_test(steady_values_are_exact),
        cmocka_unit_test(a_line_has_its_slope),
        cmocka_unit_test(noise_has_none),
        cmocka_unit_test(a_restart_forgets_what_was_before),
        cmocka_unit_test(nothing_is_said_of_nothing),
        cmocka_unit_test(impossible_times_are_survived),
    };

    return cmocka_run_group_tests_name("level", tests, NULL, NULL);
}
