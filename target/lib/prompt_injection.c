/* PromptInjection: attempts to override, extract or escape instructions, by weighted phrases and patterns.
 * The score is the sum of the weights of the distinct rules that matched, at most 1. */
#include "pattern_rules.h"
#include "phrases.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prompt_injection {
    struct folding folding;
    struct phrases *phrases;
    struct pattern_rules *patterns; /* same sections, so the same rule numbers */
    int *weights;                   /* of each rule, thousandths */
    size_t rule_count;
    int threshold;
};

static void prompt_injection_unload(void *state)
{
    struct prompt_injection *injection = state;
    if (!injection) return;
    phrases_free(injection->phrases);
    pattern_rules_free(injection->patterns);
    free(injection->folding.series);
    free(injection->weights);
    free(injection);
}

/* "U+0430 a", or "U+FF41-U+FF5A a" for a range that goes on with b, c, ... */
static bool fold_parse(const char *value, struct fold_series *series)
{
    unsigned first, last;
    char to, excess;
    if (sscanf(value, "U+%6x-U+%6x %c%c", &first, &last, &to, &excess) != 3) {
        if (sscanf(value, "U+%6x %c%c", &first, &to, &excess) != 2) return false;
        last = first;
    }
    *series = (struct fold_series){first, last, to};
    bool fits = (to >= 'a' && to <= 'z' && last - first <= (unsigned)('z' - to)) ||
                (to >= '0' && to <= '9' && last - first <= (unsigned)('9' - to));
    return first >= 0x80 && last >= first && last <= 0x10ffff && fits;
}

static int series_order(const void *left, const void *right)
{
    const struct fold_series *a = left, *b = right;
    return a->first < b->first ? -1 : a->first > b->first;
}

static int folding_load(struct load *load, struct folding *folding)
{
    const struct rules_section *section = rules_section(load->rules, "Folding");
    if (!section || !section->entry_count) return 0;
    folding->series = calloc(section->entry_count, sizeof *folding->series);
    if (!folding->series) return report_memory(load->error);
    for (size_t i = 0; i < section->entry_count; i++)
        if (!fold_parse(section->entries[i].value, &folding->series[folding->count++]))
            return report(load->error,
                          "%s:%u: fold is '%.60s'; write 'U+0430 a' or, for a row, 'U+FF41-U+FF5A a'",
                          section->file, section->entries[i].line, section->entries[i].value);
    qsort(folding->series, folding->count, sizeof *folding->series, series_order);
    for (size_t i = 1; i < folding->count; i++)
        if (folding->series[i].first <= folding->series[i - 1].last)
            return report(load->error, "%s:%u: [Folding] folds U+%04X twice; remove one", section->file,
                          section->line, folding->series[i].first);
    return 0;
}

static int weights_load(struct load *load, struct prompt_injection *injection)
{
    injection->weights = calloc(load->rules->count + 1, sizeof *injection->weights);
    if (!injection->weights) return report_memory(load->error);
    for (size_t i = 0; i < load->rules->count; i++) {
        const struct rules_section *section = &load->rules->sections[i];
        if (strcmp(section->kind, "Injection") != 0) continue;
        if (!rules_entry(section, "phrase") && !rules_entry(section, "pattern"))
            return report(load->error, "%s:%u: [Injection %s] has neither 'phrase' nor 'pattern'; add one",
                          section->file, section->line, section->name);
        injection->weights[injection->rule_count++] = rules_thousandths(section, "weight", 0);
    }
    return 0;
}

static int prompt_injection_load(struct load *load, void **state)
{
    const struct rules_section *settings = rules_section(load->rules, "PromptInjection");
    struct prompt_injection *injection = *state = calloc(1, sizeof *injection);
    if (!injection) return report_memory(load->error);
    injection->threshold = rules_thousandths(settings, "threshold", 500);
    if (injection->threshold < 1 || injection->threshold > 999)
        return report(load->error, "%s:%u: threshold is %s; give it a value between 0 and 1, as 0.5",
                      settings->file, rules_entry(settings, "threshold")->line,
                      rules_entry(settings, "threshold")->value);
    if (weights_load(load, injection) != 0 || folding_load(load, &injection->folding) != 0) return -1;
    injection->phrases = phrases_load(load, "Injection", &injection->folding);
    injection->patterns = injection->phrases ? pattern_rules_load(load, "Injection") : NULL;
    return injection->patterns ? 0 : -1;
}

static int score_set(const struct prompt_injection *injection, struct scan *scan)
{
    bool *matched = arena_alloc(scan->arena, injection->rule_count * sizeof *matched);
    int score = 0;
    if (!matched) return -1;
    memset(matched, 0, injection->rule_count * sizeof *matched);
    for (size_t i = 0; i < scan->found.count; i++) {
        uint32_t rule = scan->found.items[i].rule;
        if (!matched[rule]) score += injection->weights[rule];
        matched[rule] = true;
    }
    scan->score_thousandths = score < 1000 ? score : 1000;
    return 0;
}

static int prompt_injection_scan(const void *state, struct scan *scan)
{
    const struct prompt_injection *injection = state;
    struct spans phrases = {0};
    scan->threshold_thousandths = injection->threshold;
    if (pattern_rules_find(injection->patterns, scan, &scan->found) != 0) return -1;
    if (phrases_find(injection->phrases, scan, &phrases) != 0) return -1;
    for (size_t i = 0; i < phrases.count; i++)
        if (spans_add(scan->arena, &scan->found, phrases.items[i]) != 0) return -1;
    if (score_set(injection, scan) != 0) return -1;
    spans_settle(&scan->found);
    if (scan_set_type(scan, NULL) != 0) return -1;
    for (size_t i = 0; i < scan->found.count; i++)
        scan->types[i] = pattern_rules_type(injection->patterns, scan->found.items[i].rule);
    return 0;
}

const struct scanner_kind scanner_prompt_injection = {"PromptInjection", "Injection", prompt_injection_load,
                                                      prompt_injection_scan, prompt_injection_unload};
