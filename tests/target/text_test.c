/* Offsets through a chain of edits, against a map that remembers every byte by itself. */
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TEXT_MAX = 4096, EDITS_MAX = 16 };

/* The slow truth: for each byte the original range that it stands for. */
struct plain {
    size_t length;
    char bytes[TEXT_MAX];
    size_t origin[TEXT_MAX], origin_end[TEXT_MAX];
};

static void plain_edit(const struct plain *old, const struct text_edit *edits, size_t count,
                       struct plain *new)
{
    size_t at = 0;
    new->length = 0;
    for (size_t i = 0; i <= count; i++) {
        size_t stop = i < count ? edits[i].start : old->length;
        for (; at < stop; at++, new->length++) {
            new->bytes[new->length] = old->bytes[at];
            new->origin[new->length] = old->origin[at];
            new->origin_end[new->length] = old->origin_end[at];
        }
        for (size_t j = 0; i < count && j < edits[i].replacement_length; j++, new->length++) {
            new->bytes[new->length] = edits[i].replacement[j];
            new->origin[new->length] = old->origin[edits[i].start];
            new->origin_end[new->length] = old->origin_end[edits[i].end - 1];
        }
        if (i < count) at = edits[i].end;
    }
}

static size_t random_edits(size_t length, struct text_edit *edits)
{
    static const char *const replacements[] = {"", "******", "[X_1]", "\xef\xbf\xbd", "q"};
    size_t count = 0, at = 0;
    while (count < EDITS_MAX) {
        size_t start = at + (size_t)(rand() % 9), end = start + 1 + (size_t)(rand() % 7);
        if (end > length) break;
        const char *replacement = replacements[rand() % 5];
        edits[count++] = (struct text_edit){start, end, replacement, strlen(replacement)};
        at = end;
    }
    return count;
}

static void same(const struct text *text, const struct plain *plain)
{
    assert_int_equal(text->length, plain->length);
    assert_memory_equal(text->bytes, plain->bytes, plain->length);
    for (size_t start = 0; start < text->length; start++)
        for (size_t end = start + 1; end <= text->length && end <= start + 12; end++) {
            size_t origin, origin_end;
            text_origin(text, start, end, &origin, &origin_end);
            assert_int_equal(origin, plain->origin[start]);
            assert_int_equal(origin_end, plain->origin_end[end - 1]);
        }
}

static void chained_edits_keep_origins(void **state)
{
    (void)state;
    static struct plain plain[2];
    srand(1);
    for (int round = 0; round < 400; round++) {
        struct arena arena = {0};
        struct text text;
        struct text_edit edits[EDITS_MAX];
        struct plain *now = &plain[0], *next = &plain[1];
        now->length = (size_t)(rand() % 120);
        for (size_t i = 0; i < now->length; i++) {
            now->bytes[i] = (char)('a' + rand() % 26);
            now->origin[i] = i;
            now->origin_end[i] = i + 1;
        }
        char *original = arena_copy(&arena, now->bytes, now->length);
        assert_int_equal(text_original(&arena, original, now->length, &text), 0);
        for (int step = 0; step < 5; step++) {
            struct text old = text;
            size_t count = random_edits(old.length, edits);
            assert_int_equal(text_edited(&arena, &old, edits, count, &text), 0);
            plain_edit(now, edits, count, next);
            same(&text, next);
            struct plain *other = now;
            now = next;
            next = other;
        }
        arena_release(&arena);
    }
}

static void a_span_over_a_removed_byte_covers_it(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct text text, without;
    struct text_edit removal = {2, 5, "", 0};
    size_t origin, origin_end;
    assert_int_equal(text_original(&arena,
                                   "ab\xe2\x80\x8b"
                                   "cd",
                                   7, &text),
                     0);
    assert_int_equal(text_edited(&arena, &text, &removal, 1, &without), 0);
    assert_string_equal(without.bytes, "abcd");
    text_origin(&without, 0, 4, &origin, &origin_end);
    assert_int_equal(origin, 0);
    assert_int_equal(origin_end, 7);
    arena_release(&arena);
}

static void an_empty_text_can_be_edited(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct text text, same_text;
    assert_int_equal(text_original(&arena, "", 0, &text), 0);
    assert_int_equal(text_edited(&arena, &text, NULL, 0, &same_text), 0);
    assert_int_equal(same_text.length, 0);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chained_edits_keep_origins),
        cmocka_unit_test(a_span_over_a_removed_byte_covers_it),
        cmocka_unit_test(an_empty_text_can_be_edited),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
