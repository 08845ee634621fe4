/* Rules that are keyword, pattern, check: what Secrets and Anonymize consist of. */
#ifndef SCANNER_PATTERN_RULES_H
#define SCANNER_PATTERN_RULES_H

#include "pipeline.h"

struct pattern_rules;

/* All sections of KIND, in file order (an earlier rule wins where two overlap). The number of a section
 * among those of its kind is the `rule` of its spans. Freed with pattern_rules_free. NULL: load->error. */
struct pattern_rules *pattern_rules_load(struct load *load, const char *kind);
void pattern_rules_free(struct pattern_rules *rules);

/* What they find in SCAN's text, added to FOUND. Returns 0, or -1 out of memory; a match limit sets
 * scan->undecided. */
int pattern_rules_find(const struct pattern_rules *rules, struct scan *scan, struct spans *found);

/* The type that a section finds: its name up to the first dot, for one type may need several sections
 * (TYPE.variant) with different checks. */
const char *pattern_rules_type(const struct pattern_rules *rules, uint32_t rule);

#endif
