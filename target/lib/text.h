/* The text that travels through the chain of scanners, and the way from its bytes back to the original. */
#ifndef SCANNER_TEXT_H
#define SCANNER_TEXT_H

#include "arena.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes at..next segment's at come from original bytes origin..origin_end. In a copied segment byte i comes
 * from byte i; a replaced one stands for its origin as a whole. */
struct text_segment {
    size_t at, origin, origin_end;
    bool copied;
};

/* Immutable once made: an edit makes a new text, in the prompt's arena. */
struct text {
    const char *bytes;
    size_t length;
    const struct text_segment *segments; /* by `at`, none empty; a removed range has no segment */
    size_t segment_count;
};

struct text_edit {
    size_t start, end;       /* bytes of the text to take out, end exclusive */
    const char *replacement; /* what stands there instead; borrowed during text_edited */
    size_t replacement_length;
};

/* TEXT for BYTES as they are; borrows BYTES. Returns 0, or -1 out of memory. */
int text_original(struct arena *arena, const char *bytes, size_t length, struct text *text);

/* OLD with EDITS[0..COUNT) applied: in ascending order, not overlapping. Returns 0, or -1 out of memory. */
int text_edited(struct arena *arena, const struct text *old, const struct text_edit *edits, size_t count,
                struct text *text);

/* The original range that bytes START..END of TEXT stand for; START < END <= length. */
void text_origin(const struct text *text, size_t start, size_t end, size_t *origin, size_t *origin_end);

#endif
