/* Anonymize: personal data by patterns and checksums; each value becomes a numbered placeholder. */
#include "pattern_rules.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct anonymize {
    struct pattern_rules *rules;
    struct vault *vault; /* the handle's */
};

static void anonymize_unload(void *state)
{
    struct anonymize *anonymize = state;
    if (!anonymize) return;
    pattern_rules_free(anonymize->rules);
    free(anonymize);
}

static int anonymize_load(struct load *load, void **state)
{
    struct anonymize *anonymize = *state = calloc(1, sizeof *anonymize);
    if (!anonymize) return report_memory(load->error);
    anonymize->vault = load->vault;
    anonymize->rules = pattern_rules_load(load, "Entity");
    return anonymize->rules ? 0 : -1;
}

static int placeholder_set(const struct anonymize *anonymize, struct scan *scan, struct text_edit *edit,
                           const char *type)
{
    size_t room = strlen(type) + sizeof "[REDACTED__18446744073709551615]";
    char *placeholder = arena_alloc(scan->arena, room);
    size_t number =
        vault_number(anonymize->vault, type, scan->text.bytes + edit->start, edit->end - edit->start);
    if (!placeholder || !number) return -1;
    edit->replacement = placeholder;
    edit->replacement_length = (size_t)snprintf(placeholder, room, "[REDACTED_%s_%zu]", type, number);
    return 0;
}

static int anonymize_scan(const void *state, struct scan *scan)
{
    const struct anonymize *anonymize = state;
    if (pattern_rules_find(anonymize->rules, scan, &scan->found) != 0) return -1;
    scan_score_found(scan);
    if (!scan->found.count) return 0;
    if (scan_set_type(scan, NULL) != 0 || scan_redact(scan, NULL, 0) != 0) return -1;
    for (size_t i = 0; i < scan->found.count; i++) {
        scan->types[i] = pattern_rules_type(anonymize->rules, scan->found.items[i].rule);
        if (placeholder_set(anonymize, scan, &scan->edits[i], scan->types[i]) != 0) return -1;
    }
    return 0;
}

const struct scanner_kind scanner_anonymize = {"Anonymize", "Entity", anonymize_load, anonymize_scan,
                                               anonymize_unload};
