#include "pattern_rules.h"

#include "checks.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

struct pattern_rule {
    uint32_t section;
    struct pattern *pattern;
    check_function check;     /* NULL: none */
    unsigned entropy_minimum; /* thousandths of a bit per byte; 0: none */
    bool always;              /* has no keywords */
};

struct pattern_rules {
    struct pattern_rule *items; /* one a `pattern` line */
    size_t count;
    const char **types; /* of sections; interned */
    size_t section_count;
    struct keywords *keywords; /* owners are sections */
};

/* Loading: keywords are collected for all rules, then built at once. */
struct loading {
    struct load *load;
    struct pattern_rules *rules;
    struct arena arena; /* the words; gone once the automaton is built */
    struct keyword *words;
    size_t word_count, word_room;
};

static int keywords_collect(struct loading *loading, const struct rules_section *section, uint32_t number)
{
    for (size_t i = 0; i < section->entry_count; i++) {
        if (strcmp(section->entries[i].key, "keywords") != 0) continue;
        const char *at = section->entries[i].value, *word;
        for (size_t length; (word = rules_next_word(&at, &length));) {
            struct keyword *words = arena_extend(&loading->arena, loading->words, loading->word_count,
                                                 &loading->word_room, sizeof *words);
            char *copy = arena_copy(&loading->arena, word, length);
            if (!words || !copy) return report_memory(loading->load->error);
            loading->words = words;
            words[loading->word_count++] = (struct keyword){copy, number};
        }
    }
    return 0;
}

static int check_load(struct loading *loading, const struct rules_section *section, struct pattern_rule *rule)
{
    char list[256];
    const struct rules_entry *entry = rules_entry(section, "check");
    if (!entry) return 0;
    rule->check = check_find(entry->value);
    if (rule->check) return 0;
    return report(loading->load->error, "%s:%u: unknown check '%.60s'; there are: %s", section->file,
                  entry->line, entry->value, check_names(list, sizeof list));
}

static int pattern_load(struct loading *loading, const struct rules_section *section, uint32_t number,
                        const struct rules_entry *entry)
{
    char why[256];
    struct pattern_rules *rules = loading->rules;
    struct pattern_rule *items = realloc(rules->items, (rules->count + 1) * sizeof *items);
    if (!items) return report_memory(loading->load->error);
    rules->items = items;
    struct pattern_rule *rule = &items[rules->count];
    *rule = (struct pattern_rule){.section = number, .always = !rules_entry(section, "keywords")};
    rule->entropy_minimum = (unsigned)rules_thousandths(section, "entropy", 0);
    if (check_load(loading, section, rule) != 0) return -1;
    rule->pattern = pattern_compile(entry->value, PATTERN_BYTES, why, sizeof why);
    if (!rule->pattern)
        return report(loading->load->error, "%s:%u: the pattern does not compile: %s; mend it", section->file,
                      entry->line, why);
    rules->count++;
    return 0;
}

static int section_load(struct loading *loading, const struct rules_section *section)
{
    struct pattern_rules *rules = loading->rules;
    uint32_t number = (uint32_t)rules->section_count;
    const char **types = realloc(rules->types, (rules->section_count + 1) * sizeof *types);
    const char *type = intern_copy(loading->load->names, section->name, strcspn(section->name, "."));
    if (types) rules->types = types;
    if (!types || !type) return report_memory(loading->load->error);
    types[rules->section_count++] = type;
    if (keywords_collect(loading, section, number) != 0) return -1;
    for (size_t i = 0; i < section->entry_count; i++)
        if (strcmp(section->entries[i].key, "pattern") == 0 &&
            pattern_load(loading, section, number, &section->entries[i]) != 0)
            return -1;
    return 0;
}

struct pattern_rules *pattern_rules_load(struct load *load, const char *kind)
{
    struct loading loading = {.load = load, .rules = calloc(1, sizeof(struct pattern_rules))};
    int status = 0;
    if (!loading.rules) {
        report_memory(load->error);
        return NULL;
    }
    for (size_t i = 0; status == 0 && i < load->rules->count; i++)
        if (strcmp(load->rules->sections[i].kind, kind) == 0)
            status = section_load(&loading, &load->rules->sections[i]);
    if (status == 0) {
        loading.rules->keywords = keywords_build(loading.words, loading.word_count);
        if (!loading.rules->keywords) status = report_memory(load->error);
    }
    arena_release(&loading.arena);
    if (status == 0) return loading.rules;
    pattern_rules_free(loading.rules);
    return NULL;
}

void pattern_rules_free(struct pattern_rules *rules)
{
    if (!rules) return;
    for (size_t i = 0; i < rules->count; i++)
        pattern_free(rules->items[i].pattern);
    keywords_free(rules->keywords);
    free(rules->items);
    free(rules->types);
    free(rules);
}

static bool candidate_holds(const struct pattern_rule *rule, const char *bytes, size_t length)
{
    if (rule->check && !rule->check(bytes, length)) return false;
    return rule->entropy_minimum == 0 || entropy_thousandths(bytes, length) >= rule->entropy_minimum;
}

static int rule_find(const struct pattern_rule *rule, struct scan *scan, struct spans *found)
{
    const char *bytes = scan->text.bytes;
    struct match match;
    for (size_t from = 0, last_end = 0;; from = match.next) {
        enum match_status status =
            pattern_match(scan->matcher, rule->pattern, bytes, scan->text.length, from, &match);
        if (status == MATCH_UNDECIDED) scan->undecided = true;
        if (status != MATCH_FOUND) return 0;
        /* A group inside a lookaround may lie anywhere; spans are ascending and not empty. */
        if (match.start < last_end || match.end <= match.start) continue;
        if (!candidate_holds(rule, bytes + match.start, match.end - match.start)) continue;
        if (spans_add(scan->arena, found, (struct span){match.start, match.end, rule->section}) != 0)
            return -1;
        last_end = match.end;
    }
}

int pattern_rules_find(const struct pattern_rules *rules, struct scan *scan, struct spans *found)
{
    if (!rules->count) return 0;
    bool *seen = arena_alloc(scan->arena, rules->section_count * sizeof *seen);
    if (!seen) return -1;
    memset(seen, 0, rules->section_count * sizeof *seen);
    keywords_scan(rules->keywords, scan->text.bytes, scan->text.length, seen);
    for (size_t i = 0; i < rules->count; i++) {
        const struct pattern_rule *rule = &rules->items[i];
        struct spans of_rule = {0};
        if (!rule->always && !seen[rule->section]) continue;
        if (rule_find(rule, scan, &of_rule) != 0) return -1;
        if (spans_merge(scan->arena, found, &of_rule) != 0) return -1;
    }
    return 0;
}

const char *pattern_rules_type(const struct pattern_rules *rules, uint32_t rule)
{
    return rules->types[rule];
}
