/* objects: preload/slow/sampled_draw.o */
/* The sampling countdown: draws against the exponential distribution as libm has it, and how often
 * allocations of a size are chosen against 1 - exp(-size / rate). Seeds are fixed: the outcome is, too. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "hot/sample.h"
#include "slow/sampled.h"

/* Numbers unlike those of the tested generator. */
static uint64_t xorshift(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* rate * -ln U with the logarithm of libm's long double. */
static long double exponential(uint64_t rate, uint64_t first, uint64_t second)
{
    int zeros = first != 0 ? __builtin_clzll(first) : 64;
    uint64_t mantissa = 1ull << 63 | second >> 1;
    return (long double)rate *
           ((long double)(zeros + 1) * logl(2) - logl(ldexpl((long double)mantissa, -63)));
}

static void exponential_is_that_of_libm(void **state)
{
    (void)state;
    static const uint64_t rates[] = {1, 2, 1000, 512 << 10, 1ull << 30, SAMPLING_LARGEST_RATE};
    static const uint64_t words[] = {0, 1, 2, 1ull << 62, 1ull << 63, UINT64_MAX >> 1, UINT64_MAX};
    uint64_t random = 42;
    for (size_t i = 0; i < 300000; i++) {
        uint64_t rate = rates[i % 6];
        uint64_t first = i < 294 ? words[i / 42] : xorshift(&random) >> (i % 64);
        uint64_t second = i < 294 ? words[i / 6 % 7] : xorshift(&random);
        long double wanted = exponential(rate, first, second);
        uint64_t got = sampling_exponential(rate, first, second);
        long double slack = (long double)rate * 0x1p-54L + 0x1p-10L;
        assert_true((long double)got >= wanted - slack && (long double)got <= wanted + 1 + slack);
        assert_true(got >= 1);
    }
}

/* What the thread counts down from: allocations of 1 byte until one is chosen. */
static uint64_t next_draw(void)
{
    uint64_t before = sample_countdown;
    sample_countdown = 1;
    assert_true(slow_sample_chosen(1));
    uint64_t drawn = sample_countdown;
    sample_countdown = before;
    return drawn;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Kolmogorov and Smirnov: the largest distance between the drawn and the exponential distribution function,
 * times the root of the number of draws, is above 1.63 in 1 of 100 runs, if the draws are what they should
 * be. */
enum { DRAWS = 1000000 };
static double kolmogorov_smirnov(uint64_t rate, uint64_t seed)
{
    double *draws = malloc(DRAWS * sizeof(*draws)), distance = 0;
    sampling_begin(rate, seed);
    for (size_t i = 0; i < DRAWS; i++)
        draws[i] = (double)next_draw();
    qsort(draws, DRAWS, sizeof(*draws), compare);
    for (size_t i = 0; i < DRAWS; i++) {
        /* A draw of k stands for all between k - 1 and k. */
        double low = -expm1(-(draws[i] - 1) / (double)rate), high = -expm1(-draws[i] / (double)rate);
        distance = fmax(distance, low - (double)(i + 1) / DRAWS);
        distance = fmax(distance, (double)i / DRAWS - high);
    }
    free(draws);
    return distance * sqrt(DRAWS);
}

static void draws_are_exponential(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++)
        assert_true(kolmogorov_smirnov(512 << 10, seed) < 1.63);
    assert_true(kolmogorov_smirnov(1ull << 40, 1) < 1.63);
    assert_true(kolmogorov_smirnov(100, 1) < 1.63);
}

static void draws_do_not_depend_on_each_other(void **state)
{
    (void)state;
    double sums[4] = {0}, before[4] = {0};
    sampling_begin(1 << 20, 7);
    for (size_t i = 0; i < DRAWS; i++) {
        double draw = (double)next_draw() / (1 << 20) - 1;
        for (size_t lag = 0; lag < 4; lag++)
            sums[lag] += draw * before[(i - lag) % 4];
        before[(i + 1) % 4] = draw;
    }
    for (size_t lag = 0; lag < 4; lag++)
        assert_true(fabs(sums[lag]) / sqrt(DRAWS) < 3.5);
}

/* Each size among others, of which what is chosen is counted. */
static void sizes_are_chosen_as_often_as_they_should(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 64, 100, 300, 1000, 1500, 4096, 8192};
    enum { SIZES = sizeof(sizes) / sizeof(sizes[0]), ROUNDS = 2000000 };
    const uint64_t rate = 1000;
    uint64_t chosen[SIZES] = {0}, asked[SIZES] = {0}, random = 3;
    sampling_begin(rate, 11);
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t which = xorshift(&random) % SIZES;
        asked[which]++;
        chosen[which] += sample_chosen(sizes[which]);
    }
    for (size_t i = 0; i < SIZES; i++) {
        double p = -expm1(-(double)(sizes[i] ? sizes[i] : 1) / (double)rate), n = (double)asked[i];
        double sigmas = ((double)chosen[i] - n * p) / sqrt(n * p * (1 - p) + 1e-9);
        assert_true(fabs(sigmas) < 4);
    }
}

static void huge_sizes_are_always_chosen(void **state)
{
    (void)state;
    sampling_begin(512 << 10, 5);
    for (size_t i = 0; i < 100; i++) {
        assert_true(sample_chosen(SIZE_MAX));
        assert_true(sample_chosen(SIZE_MAX / 2 + 1));
        assert_true(sample_chosen(1ull << 40));
    }
}

static void *first_draws(void *argument)
{
    uint64_t *draws = argument;
    sample_chosen(1);
    for (size_t i = 0; i < 3; i++)
        draws[i] = next_draw();
    return NULL;
}

static void equal_seeds_make_equal_draws(void **state)
{
    (void)state;
    uint64_t draws[4][3], child[3];
    pthread_t thread;
    sampling_begin(512 << 10, 99);
    first_draws(draws[0]);
    sampling_begin(512 << 10, 99);
    first_draws(draws[1]);
    assert_memory_equal(draws[0], draws[1], sizeof(draws[0]));
    pthread_create(&thread, NULL, first_draws, draws[2]); /* another thread's are others */
    pthread_join(thread, NULL);
    assert_memory_not_equal(draws[0], draws[2], sizeof(draws[0]));
    sampling_begin(512 << 10, 100);
    first_draws(draws[3]);
    assert_memory_not_equal(draws[0], draws[3], sizeof(draws[0]));
    /* So are a fork child's, and those of the next child. */
    uint64_t number = sampling_before_fork();
    assert_int_not_equal(number, sampling_before_fork());
    first_draws(draws[3]);
    sampling_begin_in_child(number);
    assert_int_equal(sample_countdown, 0);
    first_draws(child);
    assert_memory_not_equal(child, draws[3], sizeof(child));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential_is_that_of_libm),
        cmocka_unit_test(draws_are_exponential),
        cmocka_unit_test(draws_do_not_depend_on_each_other),
        cmocka_unit_test(sizes_are_chosen_as_often_as_they_should),
        cmocka_unit_test(huge_sizes_are_always_chosen),
        cmocka_unit_test(equal_seeds_make_equal_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
