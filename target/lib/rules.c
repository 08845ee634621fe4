#include "rules.h"

#include "normalize.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum value_type { TEXT, YES_NO, COUNT, DECIMAL };

/* Which keys a section may have: the whole schema, in the order of target/rules/schema.md. */
struct key_schema {
    const char *kind, *key;
    enum value_type type;
    bool repeats, required;
};
static const struct key_schema schema[] = {
    {"Pipeline", "order", TEXT, false, true},
    {"Pipeline", "fail_fast", YES_NO, false, false},
    {"Pipeline", "match_limit", COUNT, false, false},
    {"InvisibleText", NULL, TEXT, false, false},
    {"Secrets", "redact_mode", TEXT, false, false},
    {"Secret", "keywords", TEXT, true, false},
    {"Secret", "pattern", TEXT, true, true},
    {"Secret", "check", TEXT, false, false},
    {"Secret", "entropy", DECIMAL, false, false},
    {"Secret", "matches", TEXT, true, false},
    {"Secret", "misses", TEXT, true, false},
    {"Anonymize", "vault_limit", COUNT, false, false},
    {"Entity", "keywords", TEXT, true, false},
    {"Entity", "pattern", TEXT, true, true},
    {"Entity", "check", TEXT, false, false},
    {"Entity", "entropy", DECIMAL, false, false},
    {"Entity", "matches", TEXT, true, false},
    {"Entity", "misses", TEXT, true, false},
    {"BanSubstrings", "substring", TEXT, true, false},
    {"BanSubstrings", "match_type", TEXT, false, false},
    {"BanSubstrings", "case_sensitive", YES_NO, false, false},
    {"BanSubstrings", "redact", YES_NO, false, false},
    {"BanSubstrings", "contains_all", YES_NO, false, false},
    {"PromptInjection", "threshold", DECIMAL, false, false},
    {"Words", "words", TEXT, true, true},
    {"Injection", "weight", DECIMAL, false, true},
    {"Injection", "phrase", TEXT, true, false},
    {"Injection", "keywords", TEXT, true, false},
    {"Injection", "pattern", TEXT, true, false},
    {"Injection", "matches", TEXT, true, false},
    {"Injection", "misses", TEXT, true, false},
    {"Folding", "fold", TEXT, true, false},
};
enum { SCHEMA_COUNT = sizeof schema / sizeof schema[0] };

struct parser {
    struct rules *rules;
    const char *file;
    unsigned line;
    struct scanner_error *error;
};

static bool kind_is_named(const char *kind)
{
    return strcmp(kind, "Secret") == 0 || strcmp(kind, "Entity") == 0 || strcmp(kind, "Words") == 0 ||
           strcmp(kind, "Injection") == 0;
}

static const struct key_schema *schema_of_kind(const char *kind)
{
    for (size_t i = 0; i < SCHEMA_COUNT; i++)
        if (strcmp(schema[i].kind, kind) == 0) return &schema[i];
    return NULL;
}

static const struct key_schema *schema_of_key(const char *kind, const char *key)
{
    for (size_t i = 0; i < SCHEMA_COUNT; i++)
        if (strcmp(schema[i].kind, kind) == 0 && schema[i].key && strcmp(schema[i].key, key) == 0)
            return &schema[i];
    return NULL;
}

static void list_add(char *list, size_t size, const char *item)
{
    size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%s", used ? ", " : "", item);
}

/* "a, b, c": the sections that there are. */
static const char *kinds_list(char *list, size_t size)
{
    list[0] = '\0';
    for (size_t i = 0; i < SCHEMA_COUNT; i++)
        if (i == 0 || strcmp(schema[i - 1].kind, schema[i].kind) != 0) list_add(list, size, schema[i].kind);
    return list;
}

/* The keys of KIND. */
static const char *keys_list(const char *kind, char *list, size_t size)
{
    list[0] = '\0';
    for (size_t i = 0; i < SCHEMA_COUNT; i++)
        if (strcmp(schema[i].kind, kind) == 0) list_add(list, size, schema[i].key ? schema[i].key : "none");
    return list;
}

static const char *trimmed(struct parser *parser, const char *bytes, size_t length)
{
    while (length && (bytes[0] == ' ' || bytes[0] == '\t'))
        bytes++, length--;
    while (length && strchr(" \t\r", bytes[length - 1]))
        length--;
    const char *copy = arena_copy(&parser->rules->arena, bytes, length);
    if (!copy) report_memory(parser->error);
    return copy;
}

/* A section that lacks a required key is told once the next one begins or the file ends. */
static int section_finish(struct parser *parser, const struct rules_section *section)
{
    for (size_t i = 0; i < SCHEMA_COUNT; i++)
        if (schema[i].required && strcmp(schema[i].kind, section->kind) == 0 &&
            !rules_entry(section, schema[i].key))
            return report(parser->error, "%s:%u: [%s%s%s] has no '%s'; add a line '%s = ...'", section->file,
                          section->line, section->kind, *section->name ? " " : "", section->name,
                          schema[i].key, schema[i].key);
    return 0;
}

static int section_check(struct parser *parser, const char *kind, const char *name)
{
    char list[256];
    if (!schema_of_kind(kind))
        return report(parser->error, "%s:%u: unknown section [%s]; there are: %s", parser->file, parser->line,
                      kind, kinds_list(list, sizeof list));
    if (kind_is_named(kind) && !*name)
        return report(parser->error, "%s:%u: section [%s] needs a name, as in [%s NAME]", parser->file,
                      parser->line, kind, kind);
    if (!kind_is_named(kind) && *name)
        return report(parser->error, "%s:%u: section [%s] takes no name; write [%s]", parser->file,
                      parser->line, kind, kind);
    for (size_t i = 0; i < parser->rules->count; i++) {
        const struct rules_section *other = &parser->rules->sections[i];
        if (strcmp(other->kind, kind) == 0 && strcmp(other->name, name) == 0)
            return report(parser->error, "%s:%u: section [%s%s%s] was already given at %s:%u; merge the two",
                          parser->file, parser->line, kind, *name ? " " : "", name, other->file, other->line);
    }
    return 0;
}

static int parse_section(struct parser *parser, const char *line)
{
    struct rules *rules = parser->rules;
    size_t length = strlen(line);
    if (line[length - 1] != ']')
        return report(parser->error, "%s:%u: section '%.60s' does not end in ']'; add it", parser->file,
                      parser->line, line);
    size_t kind_length = strcspn(line + 1, " \t]");
    const char *kind = trimmed(parser, line + 1, kind_length);
    const char *name = trimmed(parser, line + 1 + kind_length, length - 2 - kind_length);
    if (!kind || !name || section_check(parser, kind, name) != 0) return -1;
    if (rules->count && section_finish(parser, &rules->sections[rules->count - 1]) != 0) return -1;
    struct rules_section *sections =
        arena_extend(&rules->arena, rules->sections, rules->count, &rules->room, sizeof *sections);
    if (!sections) return report_memory(parser->error);
    rules->sections = sections;
    sections[rules->count++] =
        (struct rules_section){.kind = kind, .name = name, .file = parser->file, .line = parser->line};
    return 0;
}

/* "12.345" as 12345; -1 when it is not a decimal with at most three places, or above 100. */
static int decimal_thousandths(const char *value)
{
    int whole = 0, places = 0, part = 0;
    const char *at = value;
    for (; *at >= '0' && *at <= '9' && whole <= 100; at++)
        whole = whole * 10 + (*at - '0');
    if (at == value || whole > 100) return -1;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9' && places < 3; at++, places++)
            part = part * 10 + (*at - '0');
    for (; places < 3; places++)
        part *= 10;
    return *at ? -1 : whole * 1000 + part;
}

static bool count_parse(const char *value, unsigned long *count)
{
    char *end;
    errno = 0;
    *count = strtoul(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && !*end && errno == 0;
}

static int value_check(struct parser *parser, const struct key_schema *key, const char *value)
{
    unsigned long count;
    const char *wanted = NULL;
    if (!*value)
        wanted = "a value behind the '='";
    else if (key->type == YES_NO && strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        wanted = "'yes' or 'no'";
    else if (key->type == COUNT && !count_parse(value, &count))
        wanted = "a whole number such as 1000";
    else if (key->type == DECIMAL && decimal_thousandths(value) < 0)
        wanted = "a decimal from 0 to 100 with at most three places, such as 0.5";
    if (!wanted) return 0;
    return report(parser->error, "%s:%u: '%s' is '%.60s'; give it %s", parser->file, parser->line, key->key,
                  value, wanted);
}

static int parse_entry(struct parser *parser, const char *line)
{
    struct rules *rules = parser->rules;
    char list[256];
    const char *equals = strchr(line, '=');
    if (!equals)
        return report(parser->error,
                      "%s:%u: '%.60s' is neither '[Section]' nor 'key = value'; start comments with #",
                      parser->file, parser->line, line);
    if (!rules->count || rules->sections[rules->count - 1].file != parser->file)
        return report(parser->error,
                      "%s:%u: '%.60s' stands before the first section; write a [Section] line above it",
                      parser->file, parser->line, line);
    struct rules_section *section = &rules->sections[rules->count - 1];
    const char *name = trimmed(parser, line, (size_t)(equals - line));
    const char *value = trimmed(parser, equals + 1, strlen(equals + 1));
    if (!name || !value) return -1;
    const struct key_schema *key = schema_of_key(section->kind, name);
    if (!key)
        return report(parser->error, "%s:%u: unknown key '%.60s' in [%s]; there are: %s", parser->file,
                      parser->line, name, section->kind, keys_list(section->kind, list, sizeof list));
    if (!key->repeats && rules_entry(section, name))
        return report(parser->error, "%s:%u: '%s' was already given at line %u; keep one of them",
                      parser->file, parser->line, name, rules_entry(section, name)->line);
    if (value_check(parser, key, value) != 0) return -1;
    struct rules_entry *entries = arena_extend(&rules->arena, section->entries, section->entry_count,
                                               &section->entry_room, sizeof *entries);
    if (!entries) return report_memory(parser->error);
    section->entries = entries;
    entries[section->entry_count++] = (struct rules_entry){key->key, value, parser->line};
    return 0;
}

static int parse_line(struct parser *parser, const char *bytes, size_t length)
{
    uint32_t point;
    for (size_t at = 0; at < length;) {
        at += utf8_decode(bytes + at, length - at, &point);
        if (point == UTF8_INVALID || point == 0)
            return report(parser->error, "%s:%u: %s; save the file as UTF-8 text", parser->file, parser->line,
                          point ? "invalid UTF-8" : "a NUL byte");
    }
    const char *line = trimmed(parser, bytes, length);
    if (!line) return -1;
    if (!*line || *line == '#') return 0;
    return *line == '[' ? parse_section(parser, line) : parse_entry(parser, line);
}

int rules_parse(struct rules *rules, const char *file, const char *bytes, size_t length,
                struct scanner_error *error)
{
    struct parser parser = {.rules = rules, .error = error};
    parser.file = arena_copy(&rules->arena, file, strlen(file));
    if (!parser.file) return report_memory(error);
    for (size_t at = 0; at < length;) {
        const char *newline = memchr(bytes + at, '\n', length - at);
        size_t line_length = newline ? (size_t)(newline - (bytes + at)) : length - at;
        parser.line++;
        if (parse_line(&parser, bytes + at, line_length) != 0) return -1;
        at += line_length + 1;
    }
    return rules->count ? section_finish(&parser, &rules->sections[rules->count - 1]) : 0;
}

/* The whole of FD in memory to be freed, its length in *LENGTH; NULL with errno set. */
static char *read_all(int fd, size_t *length)
{
    size_t room = 0;
    char *bytes = NULL;
    ssize_t got;
    *length = 0;
    do {
        if (*length == room) {
            char *larger = realloc(bytes, room = room ? room * 2 : 1 << 16);
            if (!larger) break;
            bytes = larger;
        }
        got = read(fd, bytes + *length, room - *length);
        if (got == 0) return bytes;
        if (got > 0) *length += (size_t)got;
    } while (got > 0 || errno == EINTR);
    free(bytes);
    return NULL;
}

int rules_read(struct rules *rules, const char *path, struct scanner_error *error)
{
    size_t length;
    int status = -1, fd = open(path, O_RDONLY | O_CLOEXEC);
    char *bytes = fd >= 0 ? read_all(fd, &length) : NULL;
    if (!bytes)
        report(error, "cannot read rules file '%s': %s; give --rules a readable file", path, strerror(errno));
    else
        status = rules_parse(rules, path, bytes, length, error);
    free(bytes);
    if (fd >= 0) close(fd);
    return status;
}

void rules_release(struct rules *rules)
{
    arena_release(&rules->arena);
    *rules = (struct rules){0};
}

const struct rules_section *rules_section(const struct rules *rules, const char *kind)
{
    for (size_t i = 0; i < rules->count; i++)
        if (strcmp(rules->sections[i].kind, kind) == 0) return &rules->sections[i];
    return NULL;
}

const struct rules_entry *rules_entry(const struct rules_section *section, const char *key)
{
    const struct rules_entry *found = NULL;
    for (size_t i = 0; section && i < section->entry_count; i++)
        if (strcmp(section->entries[i].key, key) == 0) found = &section->entries[i];
    return found;
}

bool rules_yes(const struct rules_section *section, const char *key, bool otherwise)
{
    const struct rules_entry *entry = rules_entry(section, key);
    return entry ? strcmp(entry->value, "yes") == 0 : otherwise;
}

unsigned long rules_count(const struct rules_section *section, const char *key, unsigned long otherwise)
{
    const struct rules_entry *entry = rules_entry(section, key);
    if (entry) count_parse(entry->value, &otherwise);
    return otherwise;
}

int rules_thousandths(const struct rules_section *section, const char *key, int otherwise)
{
    const struct rules_entry *entry = rules_entry(section, key);
    return entry ? decimal_thousandths(entry->value) : otherwise;
}

const char *rules_text(const struct rules_section *section, const char *key, const char *otherwise)
{
    const struct rules_entry *entry = rules_entry(section, key);
    return entry ? entry->value : otherwise;
}

const char *rules_next_word(const char **at, size_t *length)
{
    const char *word = *at + strspn(*at, " \t");
    *length = strcspn(word, " \t");
    *at = word + *length;
    return *length ? word : NULL;
}
