/* Rules files: bytes to sections of checked key-value entries. The format is specified in
 * target/rules/schema.md; the table in rules.c is the same schema. */
#ifndef SCANNER_RULES_H
#define SCANNER_RULES_H

#include "arena.h"
#include "scanner.h"

#include <stdbool.h>
#include <stddef.h>

struct rules_entry {
    const char *key, *value; /* value: trimmed, NUL-terminated UTF-8, never empty */
    unsigned line;
};

struct rules_section {
    const char *kind, *name; /* name "" for a section without one */
    const char *file;
    unsigned line;
    struct rules_entry *entries;
    size_t entry_count, entry_room;
};

struct rules {
    struct arena arena; /* owns all strings, entries and sections */
    struct rules_section *sections;
    size_t count, room;
};

/* The rules that are built in, one per file of target/rules/ (generated at build time). */
struct rules_builtin {
    const char *name, *bytes;
    size_t length;
};
extern const struct rules_builtin rules_builtin[];
extern const size_t rules_builtin_count;

/* Add the sections of BYTES[0..LENGTH), called FILE in messages. Returns 0, or -1 with ERROR filled. */
int rules_parse(struct rules *rules, const char *file, const char *bytes, size_t length,
                struct scanner_error *error);

/* The same for the file at PATH. */
int rules_read(struct rules *rules, const char *path, struct scanner_error *error);

void rules_release(struct rules *rules);

/* The only section of KIND, or NULL. */
const struct rules_section *rules_section(const struct rules *rules, const char *kind);

/* The last value of KEY in SECTION (which may be NULL), or NULL. */
const struct rules_entry *rules_entry(const struct rules_section *section, const char *key);

/* Its value converted, or OTHERWISE when absent; the parser has checked that it converts. */
bool rules_yes(const struct rules_section *section, const char *key, bool otherwise);
unsigned long rules_count(const struct rules_section *section, const char *key, unsigned long otherwise);
int rules_thousandths(const struct rules_section *section, const char *key, int otherwise);
const char *rules_text(const struct rules_section *section, const char *key, const char *otherwise);

/* The next word of *AT (separated by blanks): its start, and its length in *LENGTH; NULL at the end. */
const char *rules_next_word(const char **at, size_t *length);

#endif
