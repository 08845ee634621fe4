/* scanner: reads prompts, answers one line each. */
#include "complain.h"
#include "input.h"
#include "mark.h"
#include "output.h"
#include "scanner.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char usage[] =
    "usage: scanner [scan] [OPTIONS] [FILE|-]...   scan prompts, one a line or as JSON lines\n"
    "       scanner rules list [--rules FILE]...   the rules that are in force\n"
    "       scanner rules test [--rules FILE]...   run the rules' own examples\n"
    "\n"
    "  --format json|text        one JSON object a prompt (default), or a line for people\n"
    "  --input auto|lines|jsonl  what the files hold; auto looks at the first line\n"
    "  --rules FILE              use this rules file instead of the built-in rules; may be repeated\n"
    "  --vault-limit N           remember at most N values behind placeholders, 0 without bound\n"
    "  --no-jit                  interpret patterns instead of compiling them to machine code\n"
    "  --help                    this text\n"
    "\n"
    "Without FILE prompts come from standard input. Exit status: 0 all prompts valid, 1 some invalid,\n"
    "2 usage or input.\n";

struct settings {
    struct scanner_options options;
    const char **rules_paths;
    struct input_state input;
    int (*output)(const struct prompt *prompt, const struct scanner_result *result);
};

struct run {
    struct scanner *handle;
    const struct settings *settings;
    bool flush; /* somebody may be waiting for the answer: both ends are not files */
    bool started, some_invalid;
};

/* ---- options ---- */

static int number_option(const char *text, size_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value >= SIZE_MAX)
        return complain("--vault-limit is '%s'; give it a whole number, 0 for no bound", text);
    *number = (size_t)value;
    return 0;
}

static int choice_option(const char *option, const char *text, const char *const *choices, int *choice)
{
    for (int i = 0; choices[i]; i++)
        if (strcmp(choices[i], text) == 0) {
            *choice = i;
            return 0;
        }
    if (choices[2])
        return complain("--%s is '%s'; give it %s, %s or %s", option, text, choices[0], choices[1],
                        choices[2]);
    return complain("--%s is '%s'; give it %s or %s", option, text, choices[0], choices[1]);
}

static int option_take(struct settings *settings, int option)
{
    static const char *const formats[] = {"json", "text", NULL}, *const inputs[] = {"auto", "lines", "jsonl",
                                                                                    NULL};
    int choice = 0, status = 0;
    switch (option) {
    case 'f':
        status = choice_option("format", optarg, formats, &choice);
        if (status == 0) settings->output = choice ? output_text : output_json;
        return status;
    case 'i':
        status = choice_option("input", optarg, inputs, &choice);
        if (status == 0) settings->input.form = (enum input_form)choice;
        return status;
    case 'r':
        settings->rules_paths[settings->options.rules_count++] = optarg;
        return 0;
    case 'v':
        return number_option(optarg, &settings->options.vault_limit);
    case 'j':
        settings->options.interpret_patterns = true;
        return 0;
    default:
        return 2;
    }
}

/* Returns 0, 2 after a complaint, or -1 after --help. */
static int options_parse(struct settings *settings, int count, char **arguments)
{
    static const struct option options[] = {
        {"format", required_argument, NULL, 'f'},
        {"input", required_argument, NULL, 'i'},
        {"rules", required_argument, NULL, 'r'},
        {"vault-limit", required_argument, NULL, 'v'},
        {"no-jit", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0; /* our own line instead of getopt's */
    for (int option; (option = getopt_long(count, arguments, ":", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(usage, stdout);
            return -1;
        }
        if (option == '?') return complain("unknown option '%s'; see scanner --help", arguments[optind - 1]);
        if (option == ':')
            return complain("option '%s' needs a value; see scanner --help", arguments[optind - 1]);
        int status = option_take(settings, option);
        if (status != 0) return status;
    }
    settings->options.rules_paths = settings->rules_paths;
    return 0;
}

/* ---- scan ---- */

static int prompt_scan(void *context, const struct prompt *prompt)
{
    struct run *run = context;
    struct scanner_result *result;
    if (!run->started) scanner_mark("load");
    run->started = true;
    enum scanner_status status = scanner_scan(run->handle, prompt->text, prompt->length, &result);
    if (status == SCANNER_TOO_LONG)
        return complain("a prompt of %zu bytes is longer than the %zu that are scanned; split it",
                        prompt->length, SCANNER_PROMPT_MAX_BYTES);
    if (status == SCANNER_OUT_OF_MEMORY)
        return complain("out of memory on a prompt of %zu bytes; split it or allow more", prompt->length);
    if (!result->valid) run->some_invalid = true;
    int written = run->settings->output(prompt, result);
    scanner_result_free(result);
    if (written == 0 && run->flush && fflush(stdout) != 0) written = -1;
    return written == 0 ? 0
                        : complain("cannot write to standard output: %s; make room there", strerror(errno));
}

static bool is_file(FILE *stream)
{
    struct stat status;
    return fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode);
}

static int inputs_scan(struct run *run, int count, char **paths)
{
    static char standard_input[] = "-";
    char *none[] = {standard_input};
    struct input_state input = run->settings->input;
    int status = 0;
    if (count == 0) count = 1, paths = none;
    scanner_mark("baseline");
    for (int i = 0; status == 0 && i < count; i++) {
        run->flush = strcmp(paths[i], "-") == 0 && !is_file(stdin);
        status = input_read(&input, paths[i], prompt_scan, run);
    }
    if (status == 0 && fflush(stdout) != 0)
        status = complain("cannot write to standard output: %s; make room there", strerror(errno));
    scanner_mark("drained");
    return status ? status : run->some_invalid;
}

static struct scanner *handle_open(const struct settings *settings)
{
    struct scanner_error error;
    struct scanner *handle = scanner_open(&settings->options, &error);
    if (!handle) complain("%s", error.message);
    return handle;
}

static int command_scan(const struct settings *settings, int count, char **paths)
{
    struct run run = {.handle = handle_open(settings), .settings = settings};
    if (!run.handle) return 2;
    scanner_mark("ready");
    int status = inputs_scan(&run, count, paths);
    scanner_close(run.handle);
    return status;
}

/* ---- rules ---- */

static void rule_print(void *context, const char *scanner, const char *name, const char *origin)
{
    (void)context;
    printf("%-16s %-32s %s\n", scanner, name, origin);
}

static void example_print(void *context, const char *origin, const char *name, bool expected,
                          const char *example, bool held)
{
    ++*(int *)context;
    if (!held)
        printf("%s: %s %s in '%s'\n", origin, name, expected ? "is not found" : "is found, but should not be",
               example);
}

static int command_rules(const struct settings *settings, int count, char **words)
{
    const char *what = count == 1 ? words[0] : "";
    bool test = strcmp(what, "test") == 0;
    int examples = 0, broken = 0;
    if (!test && strcmp(what, "list") != 0)
        return complain("'scanner rules' takes 'list' or 'test'; see scanner --help");
    struct scanner *handle = handle_open(settings);
    if (!handle) return 2;
    if (test)
        broken = scanner_rules_test(handle, example_print, &examples);
    else
        scanner_rules_list(handle, rule_print, NULL);
    scanner_close(handle);
    if (broken < 0) return complain("out of memory while testing rules; allow more");
    if (test) printf("%d examples, %d broken\n", examples, broken);
    if (fflush(stdout) != 0)
        return complain("cannot write to standard output: %s; make room there", strerror(errno));
    return broken > 0;
}

int main(int count, char **arguments)
{
    struct settings settings = {.options = {.vault_limit = SCANNER_VAULT_FROM_RULES}, .output = output_json};
    settings.rules_paths = calloc((size_t)count, sizeof *settings.rules_paths);
    if (!settings.rules_paths) return complain("out of memory at start; allow more");
    int status = options_parse(&settings, count, arguments);
    char **words = arguments + optind;
    count -= optind;
    if (status == 0 && count > 0 && strcmp(words[0], "rules") == 0)
        status = command_rules(&settings, count - 1, words + 1);
    else if (status == 0 && count > 0 && strcmp(words[0], "scan") == 0)
        status = command_scan(&settings, count - 1, words + 1);
    else if (status == 0)
        status = command_scan(&settings, count, words); /* the short form: scanner FILE */
    free(settings.rules_paths);
    return status < 0 ? 0 : status;
}
