#include "input.h"

#include "complain.h"
#include "normalize.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reader {
    struct input_state *state;
    enum input_form form; /* of this file; INPUT_AUTO until a line has decided */
    const char *name;     /* for messages */
    size_t line;          /* in this file */
    int (*each)(void *context, const struct prompt *prompt);
    void *context;
};

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') return false;
    return true;
}

static int hex_value(const char *digits, unsigned *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        const char *at = digits[i] ? strchr("0123456789abcdefABCDEF", digits[i]) : NULL;
        if (!at) return -1;
        unsigned digit = (unsigned)(at - "0123456789abcdefABCDEF");
        *value = *value * 16 + (digit > 15 ? digit - 6 : digit);
    }
    return 0;
}

/* Programs that cut strings by UTF-16 units write half a pair, \ud83d without its \ude00: JSON's grammar
 * allows it, UTF-8 cannot hold it. Overwrite each such escape in LINE by \ufffd; returns how many. */
static size_t lone_surrogates_replace(char *line, size_t length)
{
    size_t replaced = 0;
    for (size_t i = 0; i + 6 <= length; i++) {
        unsigned first, second;
        if (line[i] != '\\') continue;
        if (line[i + 1] != 'u') {
            i++;
            continue;
        }
        if (hex_value(line + i + 2, &first) != 0 || first < 0xd800 || first > 0xdfff) continue;
        bool pair = first < 0xdc00 && i + 12 <= length && line[i + 6] == '\\' && line[i + 7] == 'u' &&
                    hex_value(line + i + 8, &second) == 0 && second >= 0xdc00 && second <= 0xdfff;
        if (!pair) memcpy(line + i + 2, "fffd", 4);
        replaced += !pair;
        i += pair ? 11 : 5;
    }
    return replaced;
}

/* LINE as JSON, invalid bytes replaced first (*REPAIRED), for the parser refuses them. NULL: ERROR. */
static json_t *json_parse(const char *line, size_t length, bool *repaired, json_error_t *error)
{
    struct arena arena = {0};
    struct text text, valid = {0};
    json_t *json = NULL;
    long repairs = -1;
    snprintf(error->text, sizeof error->text, "out of memory");
    char *copy = arena_copy(&arena, line, length);
    if (copy && text_original(&arena, copy, length, &text) == 0) repairs = text_repair(&arena, &text, &valid);
    if (repairs >= 0) {
        *repaired = lone_surrogates_replace((char *)valid.bytes, valid.length) > 0 || repairs > 0;
        json = json_loadb(valid.bytes, valid.length, JSON_ALLOW_NUL | JSON_DECODE_ANY, error);
    }
    arena_release(&arena);
    return json;
}

static int json_line(struct reader *reader, const char *line, size_t length)
{
    json_error_t error;
    struct prompt prompt = {.repaired = false};
    if (is_blank(line, length)) return 0;
    json_t *record = json_parse(line, length, &prompt.repaired, &error);
    json_t *text = json_object_get(record, "text"), *number = NULL;
    int status;
    if (!record) {
        status = complain("%s:%zu: not a JSON line: %s; mend it or give --input lines", reader->name,
                          reader->line, error.text);
    } else if (!json_is_string(text)) {
        status = complain("%s:%zu: the JSON line has no string \"text\"; give it one or give --input lines",
                          reader->name, reader->line);
    } else {
        prompt.text = json_string_value(text);
        prompt.length = json_string_length(text);
        prompt.id = json_object_get(record, "id");
        if (!prompt.id) prompt.id = number = json_integer((json_int_t)reader->state->lines);
        status = reader->each(reader->context, &prompt);
    }
    json_decref(number);
    json_decref(record);
    return status;
}

static int plain_line(struct reader *reader, const char *line, size_t length)
{
    if (length && line[length - 1] == '\r') length--;
    struct prompt prompt = {line, length, false, json_integer((json_int_t)reader->state->lines)};
    int status = reader->each(reader->context, &prompt);
    json_decref(prompt.id);
    return status;
}

static enum input_form form_of(const char *line, size_t length)
{
    bool repaired;
    json_error_t error;
    if (line[strspn(line, " \t")] != '{') return INPUT_LINES;
    json_t *record = json_parse(line, length, &repaired, &error);
    bool fits = json_is_string(json_object_get(record, "text"));
    json_decref(record);
    return fits ? INPUT_JSONL : INPUT_LINES;
}

static int line_take(struct reader *reader, const char *line, size_t length)
{
    reader->line++;
    reader->state->lines++;
    if (reader->line == 1 && length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) line += 3, length -= 3;
    if (length && line[length - 1] == '\n') length--;
    if (reader->form == INPUT_AUTO && !is_blank(line, length)) reader->form = form_of(line, length);
    return reader->form == INPUT_JSONL ? json_line(reader, line, length) : plain_line(reader, line, length);
}

static int lines_read(struct reader *reader, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int status = 0;
    errno = 0;
    while (status == 0 && (length = getline(&line, &room, file)) >= 0)
        status = line_take(reader, line, (size_t)length), errno = 0;
    /* getline also fails without an error on the stream, when a line does not fit into memory */
    if (status == 0 && (ferror(file) || errno))
        status = complain("cannot read '%s' behind line %zu: %s; give a readable text file", reader->name,
                          reader->line, strerror(errno));
    free(line);
    return status;
}

int input_read(struct input_state *state, const char *path,
               int (*each)(void *context, const struct prompt *prompt), void *context)
{
    bool standard = strcmp(path, "-") == 0;
    struct reader reader = {state, state->form, standard ? "standard input" : path, 0, each, context};
    FILE *file = standard ? stdin : fopen(path, "re");
    if (!file)
        return complain("cannot open '%s': %s; give files of prompts, or - for standard input", path,
                        strerror(errno));
    int status = lines_read(&reader, file);
    if (!standard) fclose(file);
    return status;
}
