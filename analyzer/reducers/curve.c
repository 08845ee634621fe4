#include "reducers/curve.h"

#include <stdlib.h>
#include <string.h>
#include "util/memory.h"

struct curve curve_new(uint64_t start, size_t stretches)
{
    size_t count = stretches < 2 ? 2 : stretches & ~(size_t)1;

    return (struct curve){
        .start = start,
        .count = count,
        .stretches = memory_new(count, sizeof(struct curve_stretch)),
    };
}

void curve_free(struct curve *curve)
{
    free(curve->stretches);
    curve->stretches = NULL;
}

static struct curve_stretch stretches_join(const struct curve_stretch *early,
                                           const struct curve_stretch *late)
{
    struct curve_stretch joined = *early;

    if (!late->filled) return *early;
    if (!early->filled) return *late;
    if (late->least.value < early->least.value) joined.least = late->least;
    if (late->greatest.value > early->greatest.value) joined.greatest = late->greatest;
    joined.last = late->last;
    return joined;
}

static void curve_double_stretches(struct curve *curve)
{
    curve->shift++;
    for (size_t i = 0; i < curve->count / 2; i++)
        curve->stretches[i] = stretches_join(&curve->stretches[2 * i], &curve->stretches[2 * i + 1]);
    memset(curve->stretches + curve->count / 2, 0, curve->count / 2 * sizeof(*curve->stretches));
}

void curve_add(struct curve *curve, const struct curve_point *point)
{
    uint64_t ticks = point->ticks > curve->start ? point->ticks - curve->start : 0;
    struct curve_stretch *stretch;

    while (ticks >> curve->shift >= curve->count)
        curve_double_stretches(curve);
    stretch = &curve->stretches[ticks >> curve->shift];
    if (!stretch->filled || point->value < stretch->least.value) stretch->least = *point;
    if (!stretch->filled || point->value > stretch->greatest.value) stretch->greatest = *point;
    stretch->last = *point;
    stretch->filled = true;
}

static size_t add_once(struct curve_point *points, size_t count, const struct curve_point *point)
{
    for (size_t i = count; i > 0 && count - i < 3; i--)
        if (points[i - 1].sequence == point->sequence) return count;
    points[count] = *point;
    return count + 1;
}

size_t curve_points(const struct curve *curve, struct curve_point *points)
{
    size_t count = 0;

    for (size_t i = 0; i < curve->count; i++) {
        const struct curve_stretch *s = &curve->stretches[i];
        bool least_first = s->least.sequence < s->greatest.sequence;
        if (!s->filled) continue;
        count = add_once(points, count, least_first ? &s->least : &s->greatest);
        count = add_once(points, count, least_first ? &s->greatest : &s->least);
        count = add_once(points, count, &s->last);
    }
    return count;
}
