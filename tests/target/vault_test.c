/* The vault's numbers, bounded and not; interning and spans beside it. */
#include "intern.h"
#include "spans.h"
#include "vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static size_t number(struct vault *vault, const char *type, int value)
{
    char text[16];
    return vault_number(vault, type, text, (size_t)snprintf(text, sizeof text, "%d", value));
}

static void numbers_count_by_type_and_are_reused(void **state)
{
    (void)state;
    struct vault *vault = vault_new(0);
    assert_int_equal(number(vault, "A", 7), 1);
    assert_int_equal(number(vault, "A", 8), 2);
    assert_int_equal(number(vault, "B", 7), 1); /* the same value of another type is another entry */
    assert_int_equal(number(vault, "A", 7), 1);
    assert_int_equal(vault_size(vault), 3);
    for (int i = 100; i < 5100; i++)
        assert_int_equal(number(vault, "A", i), i - 97);
    for (int i = 5099; i >= 100; i--) /* the table has grown several times meanwhile */
        assert_int_equal(number(vault, "A", i), i - 97);
    assert_int_equal(vault_size(vault), 5003);
    vault_free(vault);
}

static void a_bound_forgets_the_oldest(void **state)
{
    (void)state;
    struct vault *vault = vault_new(3);
    for (int i = 1; i <= 4; i++)
        assert_int_equal(number(vault, "A", i), i);
    assert_int_equal(vault_size(vault), 3);
    assert_int_equal(number(vault, "A", 4), 4);
    assert_int_equal(number(vault, "A", 2), 2);
    assert_int_equal(number(vault, "A", 1), 5); /* was forgotten, and its number is not given again */
    assert_int_equal(vault_size(vault), 3);
    for (int i = 10; i < 10000; i++)
        number(vault, "A", i);
    assert_int_equal(vault_size(vault), 3);
    vault_free(vault);
}

static void interning_gives_dense_numbers(void **state)
{
    (void)state;
    struct intern intern = {0};
    char text[16];
    assert_int_equal(intern_find(&intern, "a", 1), 0);
    for (uint32_t i = 1; i <= 3000; i++)
        assert_int_equal(intern_add(&intern, text, (size_t)snprintf(text, sizeof text, "word%u", i)), i);
    for (uint32_t i = 1; i <= 3000; i++) {
        size_t length = (size_t)snprintf(text, sizeof text, "word%u", i);
        assert_int_equal(intern_find(&intern, text, length), i);
        assert_int_equal(intern_add(&intern, text, length), i);
        assert_string_equal(intern_string(&intern, i), text);
    }
    assert_int_equal(intern_find(&intern, "word1", 4), 0);
    assert_ptr_equal(intern_copy(&intern, "word5", 5), intern_string(&intern, 5));
    intern_release(&intern);
}

/* Merging against a map of taken bytes: earlier rules win, nothing overlaps, all is in order. */
static void merged_spans_never_overlap(void **state)
{
    (void)state;
    srand(3);
    for (int round = 0; round < 2000; round++) {
        struct arena arena = {0};
        struct spans taken = {0};
        int owner[64] = {0};
        for (uint32_t rule = 1; rule <= 4; rule++) {
            struct spans found = {0};
            for (size_t at = 0; at < 56;) {
                struct span span = {at + (size_t)(rand() % 9), 0, rule};
                span.end = span.start + 1 + (size_t)(rand() % 6);
                at = span.end;
                if (span.end > 64) break;
                spans_add(&arena, &found, span);
                bool free = true;
                for (size_t i = span.start; i < span.end; i++)
                    free = free && (owner[i] == 0 || owner[i] / 100 == (int)rule);
                for (size_t i = span.start; free && i < span.end; i++)
                    owner[i] = (int)rule * 100 + (int)span.start;
            }
            assert_int_equal(spans_merge(&arena, &taken, &found), 0);
        }
        size_t covered = 0, end = 0;
        for (size_t i = 0; i < taken.count; i++) {
            assert_true(taken.items[i].start >= end);
            end = taken.items[i].end;
            for (size_t j = taken.items[i].start; j < end; j++, covered++)
                assert_int_equal(owner[j], (int)taken.items[i].rule * 100 + (int)taken.items[i].start);
        }
        for (size_t i = 0; i < 64; i++)
            covered -= owner[i] != 0;
        assert_int_equal(covered, 0);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_count_by_type_and_are_reused),
        cmocka_unit_test(a_bound_forgets_the_oldest),
        cmocka_unit_test(interning_gives_dense_numbers),
        cmocka_unit_test(merged_spans_never_overlap),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
