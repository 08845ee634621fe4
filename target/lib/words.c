#include "words.h"

#include <string.h>

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* A sentence ends with a full stop and the like in front of a blank (i.g.n.o.r.e and 3.5 do not end one), or
 * with an empty line. */
static bool sentence_ends(const struct word_stream *stream, size_t at, uint32_t point)
{
    if (point == 0x3002) return true; /* ideographic full stop */
    if (strchr(".!?;", (int)point) && point < 0x80 && point)
        while (at < stream->length && strchr("\"')", stream->bytes[at]) && stream->bytes[at])
            at++; /* rules." And */
    bool last = at >= stream->length;
    if (point == '.' || point == '!' || point == '?' || point == ';')
        return last || is_blank(stream->bytes[at]);
    return point == '\n' && !last && (stream->bytes[at] == '\n' || stream->bytes[at] == '\r');
}

/* The character at the stream's position, which moves behind it. A sign that is written for a letter is one
 * only in front of a letter or digit ("!gnore", not "ignore!"). */
static struct folded character_next(struct word_stream *stream, uint32_t *point)
{
    stream->at += utf8_decode(stream->bytes + stream->at, stream->length - stream->at, point);
    struct folded folded = character_fold(stream->folding, *point);
    if (!folded.sign) return folded;
    uint32_t next = ' ';
    if (stream->at < stream->length)
        utf8_decode(stream->bytes + stream->at, stream->length - stream->at, &next);
    struct folded behind = character_fold(stream->folding, next);
    if (behind.class != FOLD_LETTER || behind.sign) folded.class = FOLD_SEPARATOR;
    return folded;
}

bool word_next(struct word_stream *stream, struct word *word)
{
    size_t letters = 0;
    word->ends_sentence = false;
    while (stream->at < stream->length) {
        size_t before = stream->at;
        uint32_t point;
        struct folded folded = character_next(stream, &point);
        if (folded.class == FOLD_LETTER) {
            if (letters == 0) word->start = before;
            if (letters < WORD_MAX) word->skeleton[letters] = folded.skeleton;
            letters++;
            word->end = stream->at;
        } else if (folded.class == FOLD_SEPARATOR && letters) {
            word->ends_sentence = sentence_ends(stream, stream->at, point);
            if (!word->ends_sentence) stream->at = before; /* what follows may still end it: see below */
            break;
        }
    }
    if (!letters) return false;
    word->length = letters <= WORD_MAX ? letters : 0;
    /* Quotes and brackets may stand between the last word and its full stop: (rules). And */
    while (!word->ends_sentence && stream->at < stream->length) {
        size_t before = stream->at;
        uint32_t point;
        struct folded folded = character_next(stream, &point);
        if (folded.class == FOLD_LETTER) {
            stream->at = before;
            break;
        }
        word->ends_sentence = sentence_ends(stream, stream->at, point);
    }
    return true;
}
