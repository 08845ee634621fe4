/* UTF-8 decoding, encoding and folding. */
#include "normalize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void every_code_point_survives_a_round_trip(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        char bytes[4];
        uint32_t back;
        if (point >= 0xd800 && point <= 0xdfff) continue;
        size_t length = utf8_encode(point, bytes);
        assert_int_equal(utf8_decode(bytes, length, &back), length);
        assert_int_equal(back, point);
        /* and every prefix of it is one invalid piece */
        for (size_t cut = 1; cut < length; cut++) {
            assert_int_equal(utf8_decode(bytes, cut, &back), cut);
            assert_int_equal(back, UTF8_INVALID);
        }
    }
}

static void invalid(const char *bytes, size_t taken)
{
    uint32_t point;
    assert_int_equal(utf8_decode(bytes, strlen(bytes), &point), taken);
    assert_int_equal(point, UTF8_INVALID);
}

/* The Unicode Standard, table 3-8 and its neighbours. */
static void invalid_bytes_end_where_the_standard_says(void **state)
{
    (void)state;
    invalid("\x80", 1);
    invalid("\xc0\xaf", 1);         /* overlong */
    invalid("\xe0\x80\xaf", 1);     /* overlong */
    invalid("\xed\xa0\x80", 1);     /* a surrogate */
    invalid("\xf4\x90\x80\x80", 1); /* above U+10FFFF */
    invalid("\xf5\x80", 1);
    invalid("\xf1\x80\x41", 2);
    invalid("\xe1\x80\xe2", 2);
    invalid("\xff", 1);
}

static char skeleton(const struct folding *folding, uint32_t point)
{
    struct folded folded = character_fold(folding, point);
    return folded.class == FOLD_LETTER ? folded.skeleton : folded.class == FOLD_NOTHING ? '0' : ' ';
}

static void folding_follows_its_table(void **state)
{
    (void)state;
    struct fold_series series[] = {{0x430, 0x430, 'a'}, {0xff21, 0xff3a, 'a'}};
    struct folding folding = {series, 2};
    assert_int_equal(skeleton(&folding, 'Q'), 'q');
    assert_int_equal(skeleton(&folding, 0x430), 'a');
    assert_int_equal(skeleton(&folding, 0x431), ' '); /* not in the table */
    assert_int_equal(skeleton(&folding, 0xff32), 'r');
    assert_int_equal(skeleton(&folding, 0xff2c), 'i'); /* L, which is written for 1 and I */
    assert_int_equal(skeleton(&folding, 0x200b), '0');
    assert_int_equal(skeleton(&folding, 0xe0041), '0');
    assert_int_equal(skeleton(&folding, '3'), 'e');
    assert_int_equal(skeleton(&folding, '-'), ' ');
    assert_int_equal(skeleton(&folding, 0), ' ');
    assert_int_equal(skeleton(&folding, UTF8_INVALID), ' ');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_survives_a_round_trip),
        cmocka_unit_test(invalid_bytes_end_where_the_standard_says),
        cmocka_unit_test(folding_follows_its_table),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
