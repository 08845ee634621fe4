#include "output.h"

#include <stdio.h>
#include <stdlib.h>

/* What a JSON number prints exactly: scores have three places, risks one. */
enum { JSON_FORM = JSON_COMPACT | JSON_REAL_PRECISION(6) };

static json_t *verdicts_json(const struct scanner_result *result)
{
    json_t *verdicts = json_object();
    for (size_t i = 0; i < result->verdict_count; i++) {
        const struct scanner_verdict *verdict = &result->verdicts[i];
        json_t *json = json_pack("{s:b, s:f, s:f}", "valid", verdict->valid, "risk_score",
                                 verdict->risk_tenths / 10.0, "score", verdict->score_thousandths / 1000.0);
        if (verdict->undecided) json_object_set_new(json, "undecided", json_true());
        if (json_object_set_new(verdicts, verdict->scanner, json) != 0) {
            json_decref(verdicts);
            return NULL;
        }
    }
    return verdicts;
}

static json_t *findings_json(const struct scanner_result *result)
{
    json_t *findings = json_array();
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct scanner_finding *finding = &result->findings[i];
        json_t *json =
            json_pack("{s:s, s:I, s:I, s:s}", "type", finding->type, "start", (json_int_t)finding->start,
                      "end", (json_int_t)finding->end, "scanner", finding->scanner);
        if (json_array_append_new(findings, json) != 0) {
            json_decref(findings);
            return NULL;
        }
    }
    return findings;
}

int output_json(const struct prompt *prompt, const struct scanner_result *result)
{
    json_t *sanitized = json_stringn(result->sanitized, result->sanitized_length);
    json_t *verdicts = verdicts_json(result), *findings = findings_json(result);
    json_t *answer = json_pack("{s:O, s:b, s:o, s:o, s:o, s:b}", "id", prompt->id, "valid", result->valid,
                               "sanitized", sanitized, "scanners", verdicts, "entities", findings, "repaired",
                               result->repaired || prompt->repaired);
    int status = answer ? json_dumpf(answer, stdout, JSON_FORM)
                        : -1; /* json_pack has taken the parts, or freed them */
    json_decref(answer);
    return status == 0 && putchar('\n') != EOF ? 0 : -1;
}

int output_text(const struct prompt *prompt, const struct scanner_result *result)
{
    char *id = json_is_string(prompt->id) ? NULL : json_dumps(prompt->id, JSON_ENCODE_ANY | JSON_COMPACT);
    printf("%s: %s", id ? id : json_string_value(prompt->id), result->valid ? "valid" : "invalid");
    free(id);
    for (size_t i = 0; i < result->verdict_count; i++) {
        const struct scanner_verdict *verdict = &result->verdicts[i];
        if (verdict->valid) continue;
        printf("  %s %.1f%s", verdict->scanner, verdict->risk_tenths / 10.0,
               verdict->undecided ? " (undecided)" : "");
        for (size_t j = 0; j < result->finding_count; j++) {
            const struct scanner_finding *finding = &result->findings[j];
            if (finding->scanner != verdict->scanner) continue;
            printf(" %s@%zu-%zu", finding->type, finding->start, finding->end);
        }
    }
    return putchar('\n') != EOF && !ferror(stdout) ? 0 : -1;
}
