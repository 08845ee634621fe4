/* UTF-8: decode, repair, and fold what evades a word list (case, accents, look-alikes, digits for letters).
 */
#ifndef SCANNER_NORMALIZE_H
#define SCANNER_NORMALIZE_H

#include "arena.h"
#include "text.h"

#include <stdint.h>

/* Decode one character of BYTES[0..LENGTH), LENGTH > 0. Returns how many bytes it takes (1..4) and its code
 * point in *POINT; for invalid UTF-8 the length of the longest prefix of a valid sequence, at least 1, and
 * *POINT = UTF8_INVALID. One U+FFFD a prefix is what the Unicode Standard recommends (chapter 3, "Best
 * Practices for Using U+FFFD") and what Python's decoder does. */
#define UTF8_INVALID UINT32_MAX
size_t utf8_decode(const char *bytes, size_t length, uint32_t *point);

/* Write POINT (not a surrogate, at most U+10FFFF) to BYTES, room 4; returns its length. */
size_t utf8_encode(uint32_t point, char *bytes);

/* The length of the prefix of BYTES[0..LENGTH) that is ASCII. */
size_t ascii_prefix(const char *bytes, size_t length);

/* TEXT with invalid bytes replaced by U+FFFD in *REPAIRED, or TEXT itself when there are none.
 * Returns how many were replaced, or -1 out of memory. */
long text_repair(struct arena *arena, const struct text *text, struct text *repaired);

/* Look-alikes beyond ASCII, from rules: sorted by code point. */
struct fold_series {
    uint32_t first, last; /* code points that fold to `to`, `to` + 1, ... */
    char to;
};
struct folding {
    struct fold_series *series;
    size_t count;
};

/* What a character is to a word. A letter's skeleton is lower-case ASCII in which digits and signs that are
 * written for letters became those letters (0 o, 1 i, 2 z, 3 e, 4 a, 5 s, 6 and 9 g, 7 t, 8 b, @ a, $ s, !
 * and | i) and l became i, for "1" is written for both. Rules' words take the same road, so nothing is lost
 * but the difference between words that only this distinguishes. */
enum fold_class { FOLD_LETTER, FOLD_NOTHING, FOLD_SEPARATOR };
struct folded {
    enum fold_class class;
    char skeleton; /* of FOLD_LETTER */
    bool sign;     /* written with a punctuation sign: a letter only in front of another one */
};
struct folded character_fold(const struct folding *folding, uint32_t point);

#endif
