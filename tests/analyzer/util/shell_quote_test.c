/* shell_quote: what a shell makes of the quoted word is the text again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "util/shell_quote.h"

static void quoted_is(const char *text, const char *expected)
{
    char word[64];
    char *end = shell_quote(word, text, strlen(text));

    assert_string_equal(word, expected);
    assert_ptr_equal(end, word + strlen(word));
    assert_true(strlen(word) < SHELL_QUOTE_BYTES(strlen(text)));
}

static void plain_words_stay_as_they_are(void **state)
{
    (void)state;
    quoted_is("/usr/bin/true", "/usr/bin/true");
    quoted_is("--limit=1%", "--limit=1%");
    quoted_is("", "''");
    quoted_is("a b", "'a b'");
    quoted_is("'''", "''\\'''\\'''\\'''");
}

/* Every byte but zero between two letters, and alone. */
static void a_shell_reads_the_text_again(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char text[4] = {'a', (char)byte, 'z', '\0'}, word[SHELL_QUOTE_BYTES(3)], command[64], read[8] = "";
        const char *start = byte % 2 ? text : text + 1;
        FILE *pipe;
        if (start != text) text[2] = '\0';
        shell_quote(word, start, strlen(start));
        snprintf(command, sizeof command, "printf %%s %s", word);
        pipe = popen(command, "r");
        assert_non_null(pipe);
        assert_int_equal(fread(read, 1, sizeof read - 1, pipe), strlen(start));
        assert_int_equal(pclose(pipe), 0);
        assert_string_equal(read, start);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_words_stay_as_they_are),
        cmocka_unit_test(a_shell_reads_the_text_again),
    };

    return cmocka_run_group_tests_name("shell_quote", tests, NULL, NULL);
}
