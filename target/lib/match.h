/* Finding: all keywords of many rules in one pass, and one pattern at a time by PCRE2. */
#ifndef SCANNER_MATCH_H
#define SCANNER_MATCH_H

#include "arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scanner_error;

/* ---- Keywords: an Aho-Corasick automaton over bytes, ASCII case ignored ---- */

struct keyword {
    const char *word; /* NUL-terminated, not empty; borrowed until keywords_build */
    uint32_t owner;   /* which rule it stands for */
};
struct keywords;

/* An automaton for WORDS[0..COUNT), COUNT may be 0. To be freed with keywords_free; NULL: out of memory. */
struct keywords *keywords_build(const struct keyword *words, size_t count);
void keywords_free(struct keywords *keywords);

/* Set SEEN[owner] for each owner one of whose keywords occurs in BYTES[0..LENGTH). One pass, O(LENGTH). */
void keywords_scan(const struct keywords *keywords, const char *bytes, size_t length, bool *seen);

/* ---- Patterns ---- */

/* Match memory and limits, shared by all patterns of one handle: one match at a time. */
struct matcher;
struct pattern;

/* MATCH_LIMIT: PCRE2's bound on backtracking steps for one match. INTERPRET: no machine code.
 * NULL: out of memory. */
struct matcher *matcher_new(uint32_t match_limit, bool interpret);
void matcher_free(struct matcher *matcher);

enum pattern_flags {
    PATTERN_BYTES = 0,    /* bytes; \w, \d, \b and case are ASCII */
    PATTERN_UNICODE = 1,  /* characters with their properties; the text must be valid UTF-8 */
    PATTERN_CASELESS = 2, /* ignore case */
};

/* Compile SOURCE. To be freed with pattern_free. NULL: WHY (room WHY_SIZE) says what PCRE2 objected to. */
struct pattern *pattern_compile(const char *source, unsigned flags, char *why, size_t why_size);
void pattern_free(struct pattern *pattern);

struct match {
    size_t start, end; /* the first group that took part, else the whole match; bytes of the text */
    size_t next;       /* where to look on: behind the whole match, at least one character further */
    unsigned group;    /* which group that was, 0 when none */
};

enum match_status { MATCH_FOUND, MATCH_NONE, MATCH_UNDECIDED /* a limit was hit */ };

/* The first match of PATTERN in BYTES[0..LENGTH) at or behind FROM. */
enum match_status pattern_match(struct matcher *matcher, struct pattern *pattern, const char *bytes,
                                size_t length, size_t from, struct match *match);

#endif
