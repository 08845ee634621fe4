/* InvisibleText: characters that a model reads and a person does not see are removed: Unicode's general
 * categories Cf (format), Co (private use) and Cn (unassigned), as PCRE2's tables have them. A character
 * that is newer than those tables counts as unassigned. */
#include "normalize.h"
#include "pipeline.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>

/* Alternatives in the order of `kinds`: the first that fits names the character. Tags and direction controls
 * are categories Cf and Cn, too, but worth their own names: they are how text is smuggled and reordered. One
 * character a match: a quantifier would meet its match limit on a run of a million. */
static const char pattern_source[] = "([\\x{e0000}-\\x{e007f}])"
                                     "|([\\x{61c}\\x{200e}\\x{200f}\\x{202a}-\\x{202e}\\x{2066}-\\x{2069}])"
                                     "|(\\p{Co})|(\\p{Cn})|(\\p{Cf})";
static const char *const kinds[] = {NULL,
                                    "TAG_CHARACTERS",
                                    "BIDI_CONTROL",
                                    "PRIVATE_USE_CHARACTER",
                                    "UNASSIGNED_CHARACTER",
                                    "INVISIBLE_CHARACTER"};

static void invisible_text_unload(void *state)
{
    pattern_free(state);
}

static int invisible_text_load(struct load *load, void **state)
{
    char why[256];
    *state = pattern_compile(pattern_source, PATTERN_UNICODE, why, sizeof why);
    if (*state) return 0;
    return report(load->error, "PCRE2 refuses the pattern of InvisibleText: %s; use a PCRE2 with Unicode",
                  why);
}

/* The character of MATCH as a finding, or as one more of the run that it continues. */
static int character_add(struct scan *scan, const struct match *match)
{
    struct span *last = scan->found.count ? &scan->found.items[scan->found.count - 1] : NULL;
    if (last && last->end == match->start && last->rule == match->group) {
        last->end = match->end;
        return 0;
    }
    return spans_add(scan->arena, &scan->found, (struct span){match->start, match->end, match->group});
}

static int invisible_text_scan(const void *state, struct scan *scan)
{
    /* The pattern is logically constant; its first use adds machine code to it. */
    struct pattern *pattern = (struct pattern *)state;
    const char *bytes = scan->text.bytes;
    struct match match = {.next = ascii_prefix(bytes, scan->text.length)};
    while (match.next < scan->text.length) {
        enum match_status status =
            pattern_match(scan->matcher, pattern, bytes, scan->text.length, match.next, &match);
        if (status == MATCH_UNDECIDED) scan->undecided = true;
        if (status != MATCH_FOUND) break;
        if (character_add(scan, &match) != 0) return -1;
    }
    scan_score_found(scan);
    if (!scan->found.count) return 0;
    if (scan_set_type(scan, NULL) != 0 || scan_redact(scan, "", 0) != 0) return -1;
    for (size_t i = 0; i < scan->found.count; i++)
        scan->types[i] = kinds[scan->found.items[i].rule];
    return 0;
}

const struct scanner_kind scanner_invisible_text = {"InvisibleText", NULL, invisible_text_load,
                                                    invisible_text_scan, invisible_text_unload};
