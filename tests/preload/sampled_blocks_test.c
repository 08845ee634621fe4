/* objects: preload/slow/sampled_blocks.o preload/slow/sampled_draw.o */
/* The set of recorded live blocks against a plain model: exact at every filling, whoever takes out what, and
 * beyond its end every free is recorded. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "hot/sample.h"
#include "slow/sampled.h"

static void *memory;

static int begin(void **state)
{
    (void)state;
    memory = aligned_alloc(64, sampled_blocks_bytes());
    memset(memory, 0, sampled_blocks_bytes());
    sampled_blocks_begin(memory);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Block NUMBER of a heap: 48 bytes apart, as small blocks are. */
static uint64_t key_of(uint64_t number)
{
    return 0x7f12a4000010u + number * 48;
}

/* BLOCKS come and go in random order; of each it is known whether it is in the set. */
static void against_a_model(uint64_t blocks, uint64_t steps)
{
    uint8_t *in = calloc(blocks, 1);
    uint64_t random = blocks;
    for (uint64_t step = 0; step < steps; step++) {
        uint64_t number = random_next(&random) % blocks;
        if (in[number]) {
            assert_true(sampled_take(key_of(number)));
            in[number] = 0;
        } else {
            assert_false(sampled_take(key_of(number)));
            if (random_next(&random) & 1) {
                slow_sampled_insert(key_of(number));
                in[number] = 1;
            }
        }
    }
    for (uint64_t number = 0; number < blocks; number++)
        assert_int_equal(sampled_take(key_of(number)), in[number]);
    for (uint64_t number = 0; number < blocks; number++)
        assert_false(sampled_take(key_of(number)));
    assert_false(sampled_blocks.all_frees);
    free(in);
}

static void few_blocks(void **state)
{
    (void)state;
    against_a_model(1000, 100000);
}

static void more_than_the_first_level_has(void **state)
{
    (void)state;
    against_a_model(30000, 1000000);
}

static void more_than_two_levels_have(void **state)
{
    (void)state;
    against_a_model(200000, 2000000);
    against_a_model(1000, 10000); /* and few again */
}

static void pools_have_addresses_of_their_own(void **state)
{
    (void)state;
    const void *block = (const void *)(uintptr_t)0x5500001230; /* NOLINT(performance-no-int-to-ptr) */
    slow_sampled_insert(sampled_key(block, true));
    assert_false(sampled_take(sampled_key(block, false)));
    assert_true(sampled_take(sampled_key(block, true)));
    assert_false(sampled_take(sampled_key(block, true)));
}

static void when_it_is_full_every_free_is_recorded(void **state)
{
    (void)state;
    for (uint64_t number = 0; number < 400000; number++)
        slow_sampled_insert(key_of(number));
    assert_true(sampled_blocks.all_frees);
    for (uint64_t number = 0; number < 800000; number++)
        assert_true(sampled_take(key_of(number)));
}

static void without_memory_every_free_is_recorded(void **state)
{
    (void)state;
    memset(&sampled_blocks, 0, sizeof(sampled_blocks));
    sampled_blocks_begin(NULL);
    assert_true(sampled_take(key_of(1)));
    slow_sampled_insert(key_of(2));
    assert_true(sampled_take(key_of(2)));
}

/* Threads hand blocks to each other: what one puts in, another takes out. */
enum { THREADS = 4, ROUNDS = 300, BATCH = 400 };
static _Atomic unsigned arrived;
static _Atomic uint64_t wrong;

static void wait_for_all(unsigned round)
{
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < THREADS * (round + 1))
        sched_yield();
}

static void *hand_on(void *argument)
{
    uint64_t self = (uintptr_t)argument;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t mine = self * BATCH, next = (self + 1) % THREADS * BATCH;
        for (uint64_t i = 0; i < BATCH; i++)
            slow_sampled_insert(key_of(mine + i));
        wait_for_all(2 * round);
        for (uint64_t i = 0; i < BATCH; i++) {
            wrong += !sampled_take(key_of(next + i));
            wrong += sampled_take(key_of(THREADS * BATCH + next + i)); /* never put in */
        }
        wait_for_all(2 * round + 1);
    }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, hand_on, (void *)i); /* NOLINT(performance-no-int-to-ptr) */
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(wrong, 0);
    /* Nothing is left, not even a count. */
    for (size_t i = 0; i < sampled_blocks_bytes(); i++)
        assert_int_equal(((uint8_t *)memory)[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(few_blocks, begin, end),
        cmocka_unit_test_setup_teardown(more_than_the_first_level_has, begin, end),
        cmocka_unit_test_setup_teardown(more_than_two_levels_have, begin, end),
        cmocka_unit_test_setup_teardown(pools_have_addresses_of_their_own, begin, end),
        cmocka_unit_test_setup_teardown(when_it_is_full_every_free_is_recorded, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_every_free_is_recorded, begin, end),
        cmocka_unit_test_setup_teardown(threads, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
