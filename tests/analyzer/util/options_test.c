/* analyzer/util/options.c: the option-table parser. */
/* objects: analyzer/util/options.o analyzer/util/units.o analyzer/util/output.o analyzer/util/memory.o */
/* objects: analyzer/util/report_error.o analyzer/util/progress.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "util/options.h"

struct values {
    bool flag;
    const char *text, *choice;
    uint64_t count, size;
    double number;
};

static const char *const choices[] = {"red", "green", NULL};
static const struct option_entry entries[] = {
    {"flag", 'f', OPTION_FLAG, offsetof(struct values, flag), NULL, "a flag", NULL},
    {"text", 't', OPTION_TEXT, offsetof(struct values, text), "TEXT", "a text", NULL},
    {"choice", 0, OPTION_CHOICE, offsetof(struct values, choice), "COLOUR", "a choice", choices},
    {"count", 'n', OPTION_COUNT, offsetof(struct values, count), "N", "a count", NULL},
    {"size", 's', OPTION_SIZE, offsetof(struct values, size), "SIZE", "a size", NULL},
    {"number", 0, OPTION_NUMBER, offsetof(struct values, number), "X", "a number", NULL},
};
static struct options_usage usage = {
    .command = "try",
    .operands = "FILE...",
    .help = "Tries",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
    .operands_min = 1,
    .operands_max = 2,
};

/* Parse the words of LINE; what is said on stderr and stdout goes to the file `said`. */
static char words[256], *arguments[32];
static enum options_outcome parse(const char *line, struct values *values, size_t *operands)
{
    int count = 0;
    snprintf(words, sizeof words, "try %s", line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        arguments[count++] = word;
    arguments[count] = NULL;
    *values = (struct values){0};
    fflush(stdout);
    int out = dup(1), err = dup(2);
    assert_non_null(freopen("said", "w", stdout));
    dup2(1, 2);
    enum options_outcome outcome = options_parse(&usage, values, count, arguments, operands);
    fflush(stdout);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    return outcome;
}

static const char *said(void)
{
    static char text[4096];
    FILE *file = fopen("said", "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void forms_are_equal(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "-f -t abc -n 7 --size 2K --choice green --number -1.5 a b",
        "a --flag --text=abc -n7 b --size=2KiB --choice=green --number=-1.5",
        "-tabc a b -f --count 7 -s2048 --choice green --number -1.5",
    };
    for (size_t i = 0; i < 3; i++) {
        struct values values;
        size_t operands = 0;
        assert_int_equal(parse(forms[i], &values, &operands), OPTIONS_READY);
        assert_true(values.flag);
        assert_string_equal(values.text, "abc");
        assert_string_equal(values.choice, "green");
        assert_int_equal(values.count, 7);
        assert_int_equal(values.size, 2048);
        assert_true(values.number == -1.5);
        assert_int_equal(operands, 2);
        assert_string_equal(arguments[1], "a");
        assert_string_equal(arguments[2], "b");
    }
}

static void dashes_and_operands(void **state)
{
    (void)state;
    struct values values;
    size_t operands;
    assert_int_equal(parse("-- -f", &values, &operands), OPTIONS_READY);
    assert_false(values.flag);
    assert_string_equal(arguments[1], "-f");
    assert_int_equal(parse("- -f", &values, &operands), OPTIONS_READY); /* a dash alone is an operand */
    assert_true(values.flag);
    usage.stop_at_operand = true;
    assert_int_equal(parse("-f a -t", &values, &operands), OPTIONS_READY);
    usage.stop_at_operand = false;
    assert_int_equal(operands, 2);
    assert_string_equal(arguments[2], "-t");
    assert_null(values.text);
}

static void mistakes_are_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *line, *said;
    } mistakes[] = {
        {"--nonsense a", "no option '--nonsense'"},
        {"-x a", "no option '-x'"},
        {"a -t", "--text needs a value"},
        {"--choice blue a", "red, green"},
        {"-n -3 a", "not a whole number"},
        {"-n 3x a", "not a whole number"},
        {"-n 99999999999999999999 a", "not a whole"},
        {"-s 3Q a", "not a size"},
        {"--number x a", "not a number"},
        {"--flag=1 a", "takes no value"},
        {"", "needs FILE..."},
        {"a b c", "'c' is too much"},
        {"--fla a", "no option"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct values values;
        size_t operands;
        assert_int_equal(parse(mistakes[i].line, &values, &operands), OPTIONS_WRONG);
        const char *line = said();
        if (strstr(line, mistakes[i].said) == NULL || strchr(line, '\n') != line + strlen(line) - 1)
            fail_msg("'%s' made it say: %s", mistakes[i].line, line);
    }
}

static void help_has_every_option(void **state)
{
    (void)state;
    struct values values;
    size_t operands;
    assert_int_equal(parse("--help", &values, &operands), OPTIONS_HELPED);
    assert_int_equal(parse("a --nothing -h", &values, &operands), OPTIONS_WRONG);
    assert_int_equal(parse("-h", &values, &operands), OPTIONS_HELPED);
    for (size_t i = 0; i < usage.entry_count; i++) {
        assert_non_null(strstr(said(), entries[i].name));
        assert_non_null(strstr(said(), entries[i].help));
    }
    assert_non_null(strstr(said(), "usage: memtrace try [OPTIONS] FILE...\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_equal),
        cmocka_unit_test(dashes_and_operands),
        cmocka_unit_test(mistakes_are_one_line),
        cmocka_unit_test(help_has_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
