/* The keyword automaton against a plain search, and patterns at their limits. */
#include "match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool occurs(const char *text, size_t length, const char *word)
{
    size_t word_length = strlen(word);
    for (size_t i = 0; i + word_length <= length; i++)
        if (strncasecmp(text + i, word, word_length) == 0) return true;
    return false;
}

/* A small alphabet and short words: overlaps, suffixes and repetitions are the rule. */
static void keywords_are_found_as_by_a_plain_search(void **state)
{
    (void)state;
    srand(2);
    for (int round = 0; round < 3000; round++) {
        char words[8][6], text[40];
        struct keyword list[8];
        bool seen[8] = {false};
        size_t count = (size_t)(rand() % 9), length = (size_t)(rand() % 40);
        for (size_t i = 0; i < count; i++) {
            size_t letters = 1 + (size_t)(rand() % 5);
            for (size_t j = 0; j < letters; j++)
                words[i][j] = "abA\xc3"[rand() % 4];
            words[i][letters] = '\0';
            list[i] = (struct keyword){words[i], (uint32_t)i};
        }
        for (size_t i = 0; i < length; i++)
            text[i] = "abBA\xc3\0"[rand() % 6];
        struct keywords *keywords = keywords_build(list, count);
        assert_non_null(keywords);
        keywords_scan(keywords, text, length, seen);
        keywords_free(keywords);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(seen[i], occurs(text, length, words[i]));
    }
}

static void a_group_is_what_is_meant(void **state)
{
    (void)state;
    char why[128];
    for (int interpret = 0; interpret < 2; interpret++) {
        struct matcher *matcher = matcher_new(1000, interpret);
        struct pattern *pattern = pattern_compile("key=(\\w+)|lock", PATTERN_BYTES, why, sizeof why);
        struct match match;
        assert_int_equal(pattern_match(matcher, pattern, "a key=me lock", 13, 0, &match), MATCH_FOUND);
        assert_int_equal(match.start, 6);
        assert_int_equal(match.end, 8);
        assert_int_equal(match.group, 1);
        assert_int_equal(pattern_match(matcher, pattern, "a key=me lock", 13, match.next, &match),
                         MATCH_FOUND);
        assert_int_equal(match.start, 9);
        assert_int_equal(match.group, 0);
        assert_int_equal(pattern_match(matcher, pattern, "a key=me lock", 13, match.next, &match),
                         MATCH_NONE);
        pattern_free(pattern);
        matcher_free(matcher);
    }
}

static void a_match_limit_is_told_apart_from_no_match(void **state)
{
    (void)state;
    char why[128], text[64];
    memset(text, 'a', sizeof text);
    for (int interpret = 0; interpret < 2; interpret++) {
        struct matcher *matcher = matcher_new(10000, interpret);
        struct pattern *pattern =
            pattern_compile("(?:a+)+\\d", PATTERN_BYTES | PATTERN_CASELESS, why, sizeof why);
        struct match match;
        text[sizeof text - 1] = '!';
        assert_int_equal(pattern_match(matcher, pattern, text, sizeof text, 0, &match), MATCH_UNDECIDED);
        assert_int_equal(pattern_match(matcher, pattern, "aaa!", 4, 0, &match), MATCH_NONE);
        pattern_free(pattern);
        matcher_free(matcher);
    }
}

static void empty_matches_end_and_stay_on_characters(void **state)
{
    (void)state;
    char why[128];
    struct matcher *matcher = matcher_new(1000, true);
    struct pattern *pattern = pattern_compile("x*", PATTERN_UNICODE, why, sizeof why);
    struct match match = {0};
    size_t steps = 0;
    while (pattern_match(matcher, pattern, "\xc3\xa9\xe2\x82\xac", 5, match.next, &match) == MATCH_FOUND)
        steps++;
    assert_int_equal(steps, 3); /* before each of the two characters, and at the end */
    pattern_free(pattern);
    matcher_free(matcher);
}

static void a_bad_pattern_says_why(void **state)
{
    (void)state;
    char why[128] = "";
    assert_null(pattern_compile("(a", PATTERN_BYTES, why, sizeof why));
    assert_non_null(strstr(why, "parenthesis"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keywords_are_found_as_by_a_plain_search),
        cmocka_unit_test(a_group_is_what_is_meant),
        cmocka_unit_test(a_match_limit_is_told_apart_from_no_match),
        cmocka_unit_test(empty_matches_end_and_stay_on_characters),
        cmocka_unit_test(a_bad_pattern_says_why),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
