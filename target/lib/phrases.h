/* Phrases: sequences of words, found in one pass however they are spelled (see character_fold). */
#ifndef SCANNER_PHRASES_H
#define SCANNER_PHRASES_H

#include "normalize.h"
#include "pipeline.h"

/* A phrase is words and the following, separated by blanks (target/rules/schema.md, "Phrases"):
 *   word|other|<set>   one of these; <set> is a [Words set] section
 *   ...?               the same, but it may be missing
 *   ..N                at most N (1..9) words of any kind
 * The first element is a word. A match never goes on behind the end of a sentence. */
struct phrases;

/* All `phrase` lines of all sections of KIND; a section's number among those of its kind is the `rule` of its
 * spans. Borrows FOLDING. To be freed with phrases_free. NULL: load->error. */
struct phrases *phrases_load(struct load *load, const char *kind, const struct folding *folding);
void phrases_free(struct phrases *phrases);

/* Add to FOUND what occurs in SCAN's text, in no certain order. Memory is bounded by the phrases, not by
 * the text. Returns 0, or -1 out of memory. */
int phrases_find(const struct phrases *phrases, struct scan *scan, struct spans *found);

#endif
