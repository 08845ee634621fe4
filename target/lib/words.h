/* A text as a stream of folded words. */
#ifndef SCANNER_WORDS_H
#define SCANNER_WORDS_H

#include "normalize.h"

enum { WORD_MAX = 64 }; /* bytes of a skeleton; what is longer is a word that no rule knows */

struct word {
    char skeleton[WORD_MAX];
    size_t length;      /* 0: too long to be known */
    size_t start, end;  /* bytes of the text */
    bool ends_sentence; /* behind it */
};

struct word_stream {
    const struct folding *folding;
    const char *bytes;
    size_t length, at;
};

/* The next word of STREAM in *WORD; false at the end. */
bool word_next(struct word_stream *stream, struct word *word);

#endif
