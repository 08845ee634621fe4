#include "util/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "util/output.h"
#include "util/report_error.h"
#include "util/units.h"

#define HELP_COLUMN 28 /* where the explanations begin */

static const struct option_entry help_entry = {"help", 'h', OPTION_FLAG, 0, NULL, "print this and exit",
                                               NULL};

static void options_print_entry(struct output *output, const struct option_entry *entry)
{
    char left[128], letter[8] = "   ";
    if (entry->letter != 0) snprintf(letter, sizeof letter, "-%c,", entry->letter);
    snprintf(left, sizeof left, "  %s --%s%s%s", letter, entry->name, entry->value_name != NULL ? " " : "",
             entry->value_name != NULL ? entry->value_name : "");
    if (strlen(left) > HELP_COLUMN - 2)
        output_print(output, "%s\n%*s%s\n", left, HELP_COLUMN, "", entry->help);
    else
        output_print(output, "%-*s%s\n", HELP_COLUMN, left, entry->help);
}

static enum options_outcome options_help(const struct options_usage *usage)
{
    struct output *output = output_open(NULL);
    output_print(output, "usage: memtrace %s [OPTIONS] %s\n\n%c%s.\n\noptions:\n", usage->command,
                 usage->operands, toupper((unsigned char)usage->help[0]), usage->help + 1);
    for (size_t i = 0; i < usage->entry_count; i++)
        options_print_entry(output, &usage->entries[i]);
    options_print_entry(output, &help_entry);
    if (usage->details != NULL) output_print(output, "\n%s", usage->details);
    return output_close(output) == 0 ? OPTIONS_HELPED : OPTIONS_WRONG;
}

static int options_choose(const struct option_entry *entry, const char *text, const char **value)
{
    char known[256] = "";
    for (const char *const *choice = entry->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, text) == 0) {
            *value = *choice;
            return 0;
        }
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "", *choice);
    }
    report_error("--%s '%s' is not known: choose one of %s", entry->name, text, known);
    return -1;
}

static int options_count(const struct option_entry *entry, const char *text, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0') return 0;
    report_error("--%s '%s' is not a whole number", entry->name, text);
    return -1;
}

static int options_number(const struct option_entry *entry, const char *text, double *value)
{
    char *end = NULL;
    *value = strtod(text, &end);
    if (end != text && *end == '\0' && isfinite(*value)) return 0;
    report_error("--%s '%s' is not a number", entry->name, text);
    return -1;
}

static int options_store(const struct option_entry *entry, void *values, const char *text)
{
    void *place = (char *)values + entry->offset;
    switch (entry->kind) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)place = text;
        return 0;
    case OPTION_CHOICE:
        return options_choose(entry, text, place);
    case OPTION_COUNT:
        return options_count(entry, text, place);
    case OPTION_NUMBER:
        return options_number(entry, text, place);
    case OPTION_SIZE:
        if (units_parse_size(text, place) == 0) return 0;
        report_error("--%s '%s' is not a size: give bytes, or a number with KiB, MB, G and the like",
                     entry->name, text);
        return -1;
    }
    return -1;
}

static const struct option_entry *options_find(const struct options_usage *usage, const char *name,
                                               size_t length, char letter)
{
    for (size_t i = 0; i <= usage->entry_count; i++) {
        const struct option_entry *entry = i < usage->entry_count ? &usage->entries[i] : &help_entry;
        if (letter != 0 ? entry->letter == letter
                        : strlen(entry->name) == length && !memcmp(entry->name, name, length))
            return entry;
    }
    return NULL;
}

/* One argument that begins with a dash, and its value. *INDEX moves to the last argument used. */
static enum options_outcome options_take(const struct options_usage *usage, void *values, int argc,
                                         char **argv, int *index)
{
    const char *argument = argv[*index];
    bool is_long = argument[1] == '-';
    const char *name = argument + (is_long ? 2 : 1);
    size_t length = is_long ? strcspn(name, "=") : 1;
    char letter = '\0';
    if (!is_long) letter = *name;
    const struct option_entry *entry = options_find(usage, name, length, letter);
    if (entry == NULL) {
        report_error("'memtrace %s' has no option '%s': try 'memtrace %s --help'", usage->command, argument,
                     usage->command);
        return OPTIONS_WRONG;
    }
    const char *value = NULL;
    if (is_long && name[length] == '=')
        value = name + length + 1;
    else if (!is_long && name[1] != '\0')
        value = name + 1;
    if (entry->kind == OPTION_FLAG && value != NULL) {
        report_error("'%s': --%s takes no value", argument, entry->name);
        return OPTIONS_WRONG;
    }
    if (entry == &help_entry) return OPTIONS_HELPED;
    if (entry->kind != OPTION_FLAG && value == NULL) {
        if (*index + 1 >= argc) {
            report_error("--%s needs a value (%s): try 'memtrace %s --help'", entry->name, entry->value_name,
                         usage->command);
            return OPTIONS_WRONG;
        }
        value = argv[++*index];
    }
    return options_store(entry, values, value) == 0 ? OPTIONS_READY : OPTIONS_WRONG;
}

static enum options_outcome options_check_operands(const struct options_usage *usage, size_t count,
                                                   char **argv)
{
    if (count < usage->operands_min) {
        report_error("'memtrace %s' needs %s: try 'memtrace %s --help'", usage->command, usage->operands,
                     usage->command);
        return OPTIONS_WRONG;
    }
    if (count > usage->operands_max) {
        report_error("'memtrace %s' takes %s: '%s' is too much", usage->command, usage->operands,
                     argv[usage->operands_max + 1]);
        return OPTIONS_WRONG;
    }
    return OPTIONS_READY;
}

enum options_outcome options_parse(const struct options_usage *usage, void *values, int argc, char **argv,
                                   size_t *operand_count)
{
    size_t operands = 0;
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[1 + operands++] = argv[i];
            ended = ended || usage->stop_at_operand;
        } else {
            enum options_outcome outcome = options_take(usage, values, argc, argv, &i);
            if (outcome == OPTIONS_HELPED) return options_help(usage);
            if (outcome != OPTIONS_READY) return outcome;
        }
    }
    *operand_count = operands;
    return options_check_operands(usage, operands, argv);
}
