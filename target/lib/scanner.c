/* The pipeline: load, run the scanners in order on the chained text, bring offsets back to the original. */
#include "scanner.h"

#include "normalize.h"
#include "pipeline.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MATCH_LIMIT_OTHERWISE = 1000000, MATCH_LIMIT_LARGEST = 100000000, VAULT_LIMIT_OTHERWISE = 10000 };

struct stage {
    const struct scanner_kind *kind;
    void *state;
};

struct scanner {
    struct rules rules;
    struct intern names;
    struct matcher *matcher;
    struct vault *vault;
    struct stage *stages;
    size_t stage_count;
    bool fail_fast;
    bool all_evidence; /* report what was found below a threshold, too: for the rules' own examples */
};

/* A result and the arena that holds it. */
struct kept_result {
    struct scanner_result result; /* first: the caller's pointer is ours */
    struct arena arena;
};

/* ---- loading ---- */

static int rules_load(struct scanner *handle, const struct scanner_options *options,
                      struct scanner_error *error)
{
    for (size_t i = 0; i < options->rules_count; i++)
        if (rules_read(&handle->rules, options->rules_paths[i], error) != 0) return -1;
    for (size_t i = 0; options->rules_count == 0 && i < rules_builtin_count; i++) {
        const struct rules_builtin *file = &rules_builtin[i];
        if (rules_parse(&handle->rules, file->name, file->bytes, file->length, error) != 0) return -1;
    }
    if (rules_section(&handle->rules, "Pipeline")) return 0;
    return report(error,
                  "the rules have no [Pipeline] section; add one with 'order = InvisibleText Secrets ...'");
}

static int stage_load(struct scanner *handle, struct load *load, const char *name, size_t length,
                      const struct rules_entry *order)
{
    const char *file = rules_section(&handle->rules, "Pipeline")->file;
    const struct scanner_kind *kind = NULL;
    for (size_t i = 0; i < scanner_kind_count && !kind; i++)
        if (strlen(scanner_kinds[i]->name) == length && memcmp(scanner_kinds[i]->name, name, length) == 0)
            kind = scanner_kinds[i];
    if (!kind)
        return report(load->error,
                      "%s:%u: unknown scanner '%.*s' in order; there are: InvisibleText, Secrets, "
                      "Anonymize, BanSubstrings, PromptInjection",
                      file, order->line, (int)length, name);
    for (size_t i = 0; i < handle->stage_count; i++)
        if (handle->stages[i].kind == kind)
            return report(load->error, "%s:%u: scanner '%s' stands in order twice; remove one", file,
                          order->line, kind->name);
    struct stage *stage = &handle->stages[handle->stage_count++];
    *stage = (struct stage){.kind = kind};
    return kind->load(load, &stage->state);
}

static int stages_load(struct scanner *handle, struct scanner_error *error)
{
    const struct rules_entry *order = rules_entry(rules_section(&handle->rules, "Pipeline"), "order");
    struct load load = {&handle->rules, &handle->names, handle->vault, error};
    const char *at = order->value, *name;
    handle->stages = calloc(strlen(at) / 2 + 1, sizeof *handle->stages); /* a name and a blank each */
    if (!handle->stages) return report_memory(error);
    for (size_t length; (name = rules_next_word(&at, &length));)
        if (stage_load(handle, &load, name, length, order) != 0) return -1;
    return 0;
}

static int limits_load(struct scanner *handle, const struct scanner_options *options,
                       struct scanner_error *error)
{
    const struct rules_section *pipeline = rules_section(&handle->rules, "Pipeline");
    unsigned long match_limit = rules_count(pipeline, "match_limit", MATCH_LIMIT_OTHERWISE);
    size_t vault_limit = options->vault_limit;
    if (match_limit < 1 || match_limit > MATCH_LIMIT_LARGEST)
        return report(error, "%s:%u: match_limit is %lu; give it 1 to %d", pipeline->file,
                      rules_entry(pipeline, "match_limit")->line, match_limit, (int)MATCH_LIMIT_LARGEST);
    if (vault_limit == SCANNER_VAULT_FROM_RULES)
        vault_limit =
            rules_count(rules_section(&handle->rules, "Anonymize"), "vault_limit", VAULT_LIMIT_OTHERWISE);
    handle->fail_fast = rules_yes(pipeline, "fail_fast", false);
    handle->matcher = matcher_new((uint32_t)match_limit, options->interpret_patterns);
    handle->vault = vault_new(vault_limit);
    return handle->matcher && handle->vault ? 0 : report_memory(error);
}

struct scanner *scanner_open(const struct scanner_options *options, struct scanner_error *error)
{
    static const struct scanner_options otherwise = {.vault_limit = SCANNER_VAULT_FROM_RULES};
    struct scanner *handle = calloc(1, sizeof *handle);
    error->message[0] = '\0';
    if (!options) options = &otherwise;
    if (!handle)
        report_memory(error);
    else if (rules_load(handle, options, error) == 0 && limits_load(handle, options, error) == 0 &&
             stages_load(handle, error) == 0)
        return handle;
    scanner_close(handle);
    return NULL;
}

void scanner_close(struct scanner *handle)
{
    if (!handle) return;
    for (size_t i = 0; i < handle->stage_count; i++)
        handle->stages[i].kind->unload(handle->stages[i].state);
    free(handle->stages);
    vault_free(handle->vault);
    matcher_free(handle->matcher);
    intern_release(&handle->names);
    rules_release(&handle->rules);
    free(handle);
}

/* ---- scanning ---- */

struct pass {
    struct scanner *handle;
    struct arena *arena;
    struct text text; /* as the last scanner left it */
    struct scanner_result *result;
    struct scanner_verdict *verdicts;
    struct scanner_finding *findings;
    size_t finding_room;
};

/* How far SCORE is from THRESHOLD, as a share of the way to that side's end, in tenths, rounded. */
static int risk_tenths(int score, int threshold)
{
    if (score > threshold) return ((score - threshold) * 20 + (1000 - threshold)) / (2 * (1000 - threshold));
    return -(((threshold - score) * 20 + threshold) / (2 * threshold));
}

static struct scanner_verdict verdict_of(const struct scanner_kind *kind, const struct scan *scan)
{
    bool valid = scan->score_thousandths <= scan->threshold_thousandths;
    struct scanner_verdict verdict = {kind->name, valid && !scan->undecided, scan->undecided,
                                      scan->score_thousandths,
                                      risk_tenths(scan->score_thousandths, scan->threshold_thousandths)};
    /* A pattern that gave up proves nothing: an attacker would choose the text that makes it give up. */
    if (scan->undecided && valid) {
        verdict.score_thousandths = 1000;
        verdict.risk_tenths = 10;
    }
    return verdict;
}

static int findings_add(struct pass *pass, const struct scanner_kind *kind, const struct scan *scan)
{
    for (size_t i = 0; i < scan->found.count; i++) {
        struct scanner_finding finding = {.type = scan->types[i], .scanner = kind->name};
        text_origin(&scan->text, scan->found.items[i].start, scan->found.items[i].end, &finding.start,
                    &finding.end);
        struct scanner_finding *findings = arena_extend(
            pass->arena, pass->findings, pass->result->finding_count, &pass->finding_room, sizeof finding);
        if (!findings) return -1;
        pass->findings = findings;
        findings[pass->result->finding_count++] = finding;
    }
    return 0;
}

static int stage_run(struct pass *pass, const struct stage *stage)
{
    struct scan scan = {.arena = pass->arena,
                        .matcher = pass->handle->matcher,
                        .text = pass->text,
                        .threshold_thousandths = 500};
    if (stage->kind->scan(stage->state, &scan) != 0) return -1;
    struct scanner_verdict verdict = verdict_of(stage->kind, &scan);
    pass->verdicts[pass->result->verdict_count++] = verdict;
    if (!verdict.valid) pass->result->valid = false;
    if ((!verdict.valid || pass->handle->all_evidence) && findings_add(pass, stage->kind, &scan) != 0)
        return -1;
    if (!scan.edit_count) return 0;
    return text_edited(pass->arena, &scan.text, scan.edits, scan.edit_count, &pass->text);
}

static bool text_is_blank(const struct text *text)
{
    for (size_t i = 0; i < text->length; i++)
        if (!strchr(" \t\n\v\f\r", text->bytes[i]) || !text->bytes[i]) return false;
    return true;
}

static int pass_run(struct pass *pass)
{
    struct scanner *handle = pass->handle;
    pass->verdicts = arena_alloc(pass->arena, handle->stage_count * sizeof *pass->verdicts);
    if (!pass->verdicts) return -1;
    pass->result->valid = true;
    if (text_is_blank(&pass->text)) return 0;
    for (size_t i = 0; i < handle->stage_count; i++) {
        if (stage_run(pass, &handle->stages[i]) != 0) return -1;
        if (handle->fail_fast && !pass->result->valid) break;
    }
    return 0;
}

/* TEXT in ARENA, repaired. */
static int text_prepare(struct pass *pass, const char *text, size_t length)
{
    struct text original;
    const char *copy = arena_copy(pass->arena, text, length); /* the sanitized text outlives the caller's */
    if (!copy || text_original(pass->arena, copy, length, &original) != 0) return -1;
    long repairs = text_repair(pass->arena, &original, &pass->text);
    pass->result->repaired = repairs > 0;
    return repairs < 0 ? -1 : 0;
}

enum scanner_status scanner_scan(struct scanner *handle, const char *text, size_t length,
                                 struct scanner_result **result)
{
    *result = NULL;
    if (length > SCANNER_PROMPT_MAX_BYTES) return SCANNER_TOO_LONG;
    struct kept_result *kept = calloc(1, sizeof *kept);
    if (!kept) return SCANNER_OUT_OF_MEMORY;
    struct pass pass = {.handle = handle, .arena = &kept->arena, .result = &kept->result};
    if (text_prepare(&pass, text, length) != 0 || pass_run(&pass) != 0) {
        scanner_result_free(&kept->result);
        return SCANNER_OUT_OF_MEMORY;
    }
    kept->result.sanitized = pass.text.bytes;
    kept->result.sanitized_length = pass.text.length;
    kept->result.verdicts = pass.verdicts;
    kept->result.findings = pass.findings;
    *result = &kept->result;
    return SCANNER_DONE;
}

void scanner_result_free(struct scanner_result *result)
{
    if (!result) return;
    struct kept_result *kept = (struct kept_result *)result;
    arena_release(&kept->arena);
    free(kept);
}

size_t scanner_vault_size(const struct scanner *handle)
{
    return vault_size(handle->vault);
}

/* ---- the rules themselves ---- */

/* The scanner that SECTION is a rule of, if the pipeline runs it; else NULL. */
static const struct scanner_kind *kind_of_section(const struct scanner *handle,
                                                  const struct rules_section *section)
{
    for (size_t i = 0; i < handle->stage_count; i++) {
        const struct scanner_kind *kind = handle->stages[i].kind;
        if (kind->rule_kind && strcmp(kind->rule_kind, section->kind) == 0) return kind;
    }
    return NULL;
}

void scanner_rules_list(const struct scanner *handle,
                        void (*visit)(void *context, const char *scanner, const char *name,
                                      const char *origin),
                        void *context)
{
    char origin[512];
    for (size_t i = 0; i < handle->rules.count; i++) {
        const struct rules_section *section = &handle->rules.sections[i];
        const struct scanner_kind *kind = kind_of_section(handle, section);
        if (!kind) continue;
        snprintf(origin, sizeof origin, "%s:%u", section->file, section->line);
        visit(context, kind->name, section->name, origin);
    }
}

/* 1 when scanning EXAMPLE finds the type of SECTION, else 0; -1 out of memory. */
static int example_found(struct scanner *handle, const struct rules_section *section, const char *example)
{
    struct scanner_result *result;
    const struct scanner_kind *kind = kind_of_section(handle, section);
    size_t length = strcspn(section->name, ".");
    int found = 0;
    if (scanner_scan(handle, example, strlen(example), &result) != SCANNER_DONE) return -1;
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct scanner_finding *finding = &result->findings[i];
        if (strcmp(finding->scanner, kind->name) == 0 && strlen(finding->type) == length &&
            memcmp(finding->type, section->name, length) == 0)
            found = 1;
    }
    scanner_result_free(result);
    return found;
}

int scanner_rules_test(struct scanner *handle,
                       void (*visit)(void *context, const char *origin, const char *name, bool expected,
                                     const char *example, bool held),
                       void *context)
{
    char origin[512];
    int broken = 0;
    handle->all_evidence = true;
    for (size_t i = 0; broken >= 0 && i < handle->rules.count; i++) {
        const struct rules_section *section = &handle->rules.sections[i];
        for (size_t j = 0; kind_of_section(handle, section) && j < section->entry_count; j++) {
            const struct rules_entry *entry = &section->entries[j];
            bool expected = strcmp(entry->key, "matches") == 0;
            if (!expected && strcmp(entry->key, "misses") != 0) continue;
            int found = example_found(handle, section, entry->value);
            if (found < 0) {
                broken = -1;
                break;
            }
            broken += found != expected;
            snprintf(origin, sizeof origin, "%s:%u", section->file, entry->line);
            visit(context, origin, section->name, expected, entry->value, found == expected);
        }
    }
    handle->all_evidence = false;
    return broken;
}
