#include "normalize.h"

#include <string.h>

/* The second byte's range depends on the first: no overlong forms, no surrogates, nothing above U+10FFFF
 * (Unicode Standard, table 3-7). */
static size_t sequence_length(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0) *low = 0xa0;
        if (lead == 0xed) *high = 0x9f;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0) *low = 0x90;
        if (lead == 0xf4) *high = 0x8f;
        return 4;
    }
    return 0;
}

size_t utf8_decode(const char *bytes, size_t length, uint32_t *point)
{
    const unsigned char *at = (const unsigned char *)bytes;
    if (at[0] < 0x80) {
        *point = at[0];
        return 1;
    }
    unsigned char low, high;
    size_t wanted = sequence_length(at[0], &low, &high), have = 1;
    uint32_t value = at[0] & (0x7fu >> wanted);
    for (; have < wanted && have < length && at[have] >= low && at[have] <= high; have++) {
        value = value << 6 | (at[have] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    *point = wanted && have == wanted ? value : UTF8_INVALID;
    return have;
}

size_t utf8_encode(uint32_t point, char *bytes)
{
    if (point < 0x80) {
        bytes[0] = (char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3f));
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (char)(lead[length] | point);
    return length;
}

size_t ascii_prefix(const char *bytes, size_t length)
{
    size_t at = 0;
    for (uint64_t word; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        if (word & 0x8080808080808080u) break;
    }
    while (at < length && !(bytes[at] & 0x80))
        at++;
    return at;
}

long text_repair(struct arena *arena, const struct text *text, struct text *repaired)
{
    struct text_edit *edits = NULL;
    size_t count = 0, room = 0;
    *repaired = *text;
    for (size_t at = 0; at < text->length;) {
        at += ascii_prefix(text->bytes + at, text->length - at);
        if (at == text->length) break;
        uint32_t point;
        size_t length = utf8_decode(text->bytes + at, text->length - at, &point);
        if (point == UTF8_INVALID) {
            edits = arena_extend(arena, edits, count, &room, sizeof *edits);
            if (!edits) return -1;
            edits[count++] = (struct text_edit){at, at + length, "\xef\xbf\xbd", 3};
        }
        at += length;
    }
    if (count && text_edited(arena, text, edits, count, repaired) != 0) return -1;
    return (long)count;
}

/* ASCII: the skeleton of each character, 0 for what separates words. */
static char ascii_skeleton(uint32_t point)
{
    static const char from[] = "013456789@$!|l2", to[] = "oieasgtbgasiiiz";
    if (point >= 'A' && point <= 'Z') point += 'a' - 'A';
    const char *sign = point && point < 0x80 ? strchr(from, (char)point) : NULL;
    if (sign) return to[sign - from];
    if (point < 'a' || point > 'z') return '\0';
    return (char)point;
}

static bool point_is_dropped(uint32_t point)
{
    return point == '\'' || point == 0x2019 || /* don't is one word, however the apostrophe is written */
           point == 0xad || point == 0x34f || point == 0x61c || point == 0x180e || point == 0xfeff ||
           (point >= 0x300 && point <= 0x36f) ||   /* combining accents */
           (point >= 0x200b && point <= 0x200f) || /* zero width, direction marks */
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
           (point >= 0xfe00 && point <= 0xfe0f) || /* variation selectors */
           (point >= 0xe0000 && point <= 0xe01ef); /* tags, further variation selectors */
}

static const struct fold_series *series_find(const struct folding *folding, uint32_t point)
{
    size_t low = 0, high = folding->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (folding->series[middle].last < point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < folding->count && folding->series[low].first <= point ? &folding->series[low] : NULL;
}

struct folded character_fold(const struct folding *folding, uint32_t point)
{
    if (point_is_dropped(point)) return (struct folded){.class = FOLD_NOTHING};
    if (point >= 0x80) {
        const struct fold_series *series = series_find(folding, point);
        if (!series) return (struct folded){.class = FOLD_SEPARATOR};
        point = (unsigned char)series->to + (point - series->first);
    }
    char skeleton = ascii_skeleton(point);
    if (!skeleton) return (struct folded){.class = FOLD_SEPARATOR};
    return (struct folded){FOLD_LETTER, skeleton,
                           point == '!' || point == '|' || point == '@' || point == '$'};
}
