#include "text.h"

#include <string.h>

int text_original(struct arena *arena, const char *bytes, size_t length, struct text *text)
{
    struct text_segment *segment = arena_alloc(arena, sizeof *segment);
    if (!segment) return -1;
    *segment = (struct text_segment){0, 0, length, true};
    *text = (struct text){bytes, length, segment, length ? 1 : 0};
    return 0;
}

static size_t segment_end(const struct text *text, size_t index)
{
    return index + 1 < text->segment_count ? text->segments[index + 1].at : text->length;
}

/* The segment that byte POSITION lies in. */
static size_t segment_of(const struct text *text, size_t position)
{
    size_t low = 0, high = text->segment_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (text->segments[middle].at <= position)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void text_origin(const struct text *text, size_t start, size_t end, size_t *origin, size_t *origin_end)
{
    const struct text_segment *first = &text->segments[segment_of(text, start)];
    const struct text_segment *last = &text->segments[segment_of(text, end - 1)];
    *origin = first->copied ? first->origin + (start - first->at) : first->origin;
    *origin_end = last->copied ? last->origin + (end - last->at) : last->origin_end;
}

struct builder {
    struct arena *arena;
    char *bytes;
    size_t length;
    struct text_segment *segments;
    size_t count, room;
};

static int builder_add(struct builder *to, struct text_segment segment)
{
    struct text_segment *segments =
        arena_extend(to->arena, to->segments, to->count, &to->room, sizeof segment);
    if (!segments) return -1;
    to->segments = segments;
    to->segments[to->count++] = segment;
    return 0;
}

/* Bytes START..END of OLD unchanged. *SEGMENT is where START was looked for last: one pass over OLD's
 * segments serves all edits. */
static int builder_keep(struct builder *to, const struct text *old, size_t start, size_t end, size_t *segment)
{
    memcpy(to->bytes + to->length, old->bytes + start, end - start);
    while (start < end) {
        while (segment_end(old, *segment) <= start)
            ++*segment;
        const struct text_segment *from = &old->segments[*segment];
        size_t stop = segment_end(old, *segment) < end ? segment_end(old, *segment) : end;
        struct text_segment kept = {to->length, from->origin, from->origin_end, from->copied};
        if (from->copied) {
            kept.origin = from->origin + (start - from->at);
            kept.origin_end = kept.origin + (stop - start);
        }
        if (builder_add(to, kept) != 0) return -1;
        to->length += stop - start;
        start = stop;
    }
    return 0;
}

static int builder_replace(struct builder *to, const struct text *old, const struct text_edit *edit)
{
    if (edit->replacement_length == 0) return 0;
    struct text_segment segment = {.at = to->length};
    text_origin(old, edit->start, edit->end, &segment.origin, &segment.origin_end);
    memcpy(to->bytes + to->length, edit->replacement, edit->replacement_length);
    to->length += edit->replacement_length;
    return builder_add(to, segment);
}

int text_edited(struct arena *arena, const struct text *old, const struct text_edit *edits, size_t count,
                struct text *text)
{
    size_t room = old->length + 1, segment = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        room += edits[i].replacement_length;
    struct builder to = {.arena = arena, .bytes = arena_alloc(arena, room)};
    if (!to.bytes) return -1;
    for (size_t i = 0; i < count; at = edits[i++].end) {
        if (builder_keep(&to, old, at, edits[i].start, &segment) != 0) return -1;
        if (builder_replace(&to, old, &edits[i]) != 0) return -1;
    }
    if (builder_keep(&to, old, at, old->length, &segment) != 0) return -1;
    to.bytes[to.length] = '\0';
    *text = (struct text){to.bytes, to.length, to.segments, to.count};
    return 0;
}
