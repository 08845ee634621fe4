/* BanSubstrings: a prompt that contains a listed text is not valid (with contains_all: all of them). */
#include "pipeline.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

struct ban_substrings {
    struct pattern **patterns; /* one a substring */
    size_t count;
    bool contains_all, redact;
};

static void ban_substrings_unload(void *state)
{
    struct ban_substrings *banned = state;
    if (!banned) return;
    for (size_t i = 0; i < banned->count; i++)
        pattern_free(banned->patterns[i]);
    free(banned->patterns);
    free(banned);
}

/* SUBSTRING as a pattern that matches it literally; as a word when WORD. To be freed; NULL: out of memory. */
static char *pattern_of(const char *substring, bool word)
{
    char *source = malloc(2 * strlen(substring) + sizeof "(?<!\\w)(?!\\w)"), *to = source;
    if (!source) return NULL;
    if (word) to = stpcpy(to, "(?<!\\w)"); /* not \b: that never holds beside a sign at the end of the text */
    for (const char *at = substring; *at; at++) {
        if (strchr("\\^$.[]|()?*+{}#-", *at)) *to++ = '\\';
        *to++ = *at;
    }
    if (word) to = stpcpy(to, "(?!\\w)");
    *to = '\0';
    return source;
}

static int substring_load(struct load *load, struct ban_substrings *banned,
                          const struct rules_section *settings, const struct rules_entry *entry)
{
    char why[256];
    bool word = strcmp(rules_text(settings, "match_type", "str"), "word") == 0;
    unsigned flags = PATTERN_UNICODE | (rules_yes(settings, "case_sensitive", false) ? 0 : PATTERN_CASELESS);
    struct pattern **patterns = realloc(banned->patterns, (banned->count + 1) * sizeof(struct pattern *));
    if (!patterns) return report_memory(load->error);
    banned->patterns = patterns;
    char *source = pattern_of(entry->value, word);
    if (!source) return report_memory(load->error);
    struct pattern *pattern = pattern_compile(source, flags, why, sizeof why);
    free(source);
    if (!pattern)
        return report(load->error, "%s:%u: cannot use this substring: %s; shorten it", settings->file,
                      entry->line, why);
    patterns[banned->count++] = pattern;
    return 0;
}

static int ban_substrings_load(struct load *load, void **state)
{
    const struct rules_section *settings = rules_section(load->rules, "BanSubstrings");
    struct ban_substrings *banned = *state = calloc(1, sizeof *banned);
    if (!banned) return report_memory(load->error);
    const struct rules_entry *type = rules_entry(settings, "match_type");
    if (type && strcmp(type->value, "str") != 0 && strcmp(type->value, "word") != 0)
        return report(load->error, "%s:%u: match_type is '%.60s'; give it 'str' or 'word'", settings->file,
                      type->line, type->value);
    banned->contains_all = rules_yes(settings, "contains_all", false);
    banned->redact = rules_yes(settings, "redact", false);
    for (size_t i = 0; settings && i < settings->entry_count; i++)
        if (strcmp(settings->entries[i].key, "substring") == 0 &&
            substring_load(load, banned, settings, &settings->entries[i]) != 0)
            return -1;
    return 0;
}

/* Every occurrence of one substring; *PRESENT says whether there is any. */
static int occurrences_find(struct scan *scan, struct pattern *pattern, bool *present)
{
    struct match match;
    *present = false;
    for (size_t from = 0;; from = match.next) {
        enum match_status status =
            pattern_match(scan->matcher, pattern, scan->text.bytes, scan->text.length, from, &match);
        if (status == MATCH_UNDECIDED) scan->undecided = true;
        if (status != MATCH_FOUND) return 0;
        *present = true;
        if (spans_add(scan->arena, &scan->found, (struct span){match.start, match.end, 0}) != 0) return -1;
    }
}

static int ban_substrings_scan(const void *state, struct scan *scan)
{
    const struct ban_substrings *banned = state;
    bool all = true;
    for (size_t i = 0; i < banned->count; i++) {
        bool present;
        if (occurrences_find(scan, banned->patterns[i], &present) != 0) return -1;
        all = all && present;
    }
    if (banned->contains_all && !all) scan->found.count = 0;
    spans_settle(&scan->found);
    scan_score_found(scan);
    if (!scan->found.count) return 0;
    if (scan_set_type(scan, "BANNED_SUBSTRING") != 0) return -1;
    return banned->redact ? scan_redact(scan, "[REDACTED]", 10) : 0;
}

const struct scanner_kind scanner_ban_substrings = {"BanSubstrings", NULL, ban_substrings_load,
                                                    ban_substrings_scan, ban_substrings_unload};
