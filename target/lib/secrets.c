/* Secrets: keys, tokens and passwords by their published formats; each is replaced. */
#include "pattern_rules.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

/* redact_mode: "all" hides everything, "partial" leaves two characters at each end (as llm-guard does). */
struct secrets {
    struct pattern_rules *rules;
    bool partial;
};

static void secrets_unload(void *state)
{
    struct secrets *secrets = state;
    if (!secrets) return;
    pattern_rules_free(secrets->rules);
    free(secrets);
}

static int secrets_load(struct load *load, void **state)
{
    const struct rules_section *settings = rules_section(load->rules, "Secrets");
    const struct rules_entry *mode = rules_entry(settings, "redact_mode");
    struct secrets *secrets = *state = calloc(1, sizeof *secrets);
    if (!secrets) return report_memory(load->error);
    secrets->partial = mode && strcmp(mode->value, "partial") == 0;
    if (mode && !secrets->partial && strcmp(mode->value, "all") != 0)
        return report(load->error, "%s:%u: redact_mode is '%.60s'; give it 'all' or 'partial'",
                      settings->file, mode->line, mode->value);
    secrets->rules = pattern_rules_load(load, "Secret");
    return secrets->rules ? 0 : -1;
}

/* "ab..yz"; a value of fewer than 9 bytes would be half told by that, and is hidden whole. */
static int partial_redact(struct scan *scan)
{
    for (size_t i = 0; i < scan->edit_count; i++) {
        struct text_edit *edit = &scan->edits[i];
        if (edit->end - edit->start < 9) continue;
        char *shown = arena_alloc(scan->arena, 6);
        if (!shown) return -1;
        memcpy(shown, scan->text.bytes + edit->start, 2);
        shown[2] = shown[3] = '.';
        memcpy(shown + 4, scan->text.bytes + edit->end - 2, 2);
        edit->replacement = shown;
        edit->replacement_length = 6;
    }
    return 0;
}

static int secrets_scan(const void *state, struct scan *scan)
{
    const struct secrets *secrets = state;
    if (pattern_rules_find(secrets->rules, scan, &scan->found) != 0) return -1;
    scan_score_found(scan);
    if (!scan->found.count) return 0;
    if (scan_set_type(scan, NULL) != 0 || scan_redact(scan, "******", 6) != 0) return -1;
    for (size_t i = 0; i < scan->found.count; i++)
        scan->types[i] = pattern_rules_type(secrets->rules, scan->found.items[i].rule);
    return secrets->partial ? partial_redact(scan) : 0;
}

const struct scanner_kind scanner_secrets = {"Secrets", "Secret", secrets_load, secrets_scan, secrets_unload};
