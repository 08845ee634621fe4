/* timeline: the heap and RSS over time in a bounded number of rows. Of every stretch of time the rows with
 * the least, the greatest and the last live_bytes are kept (so peaks are exact, or in a sampled trace the
 * estimated ones), the same of RSS samples, and marks; allocated_bytes and allocations are totals up to the
 * row.
 *
 * recorder_rss_bytes is what of rss_bytes the recorder said to be its own, last before the row. Only its own
 * samples say that, so they are taken while there are any; those from outside after the last of them (a
 * program with threads has no others), and where hardly an event came in between: a program at rest takes no
 * samples itself, and the recorder's pages are as they were. */
#include <stdlib.h>
#include <string.h>
#include "reducers/curve.h"
#include "reducers/estimated.h"
#include "reducers/reducer.h"
#include "util/memory.h"

static const struct result_column columns[] = {
    {"time_ns", VALUE_INTEGER, UNIT_NS, "time"},
    {"live_bytes", VALUE_INTEGER, UNIT_BYTES, "live"},
    {"live_blocks", VALUE_INTEGER, UNIT_COUNT, "live blocks"},
    {"allocated_bytes", VALUE_INTEGER, UNIT_BYTES, "allocated"},
    {"allocations", VALUE_INTEGER, UNIT_COUNT, "allocations"},
    {"rss_bytes", VALUE_INTEGER, UNIT_BYTES, "RSS"},
    {"recorder_rss_bytes", VALUE_INTEGER, UNIT_BYTES, "of it the recorder's"},
    {"mark", VALUE_TEXT, UNIT_NONE, "mark"},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };
static const char *const estimated[] = {"live_bytes", "live_blocks", "allocated_bytes", "allocations", NULL};
enum { ROWS = 2000, LEAST_ROWS = 16 };
enum { FEW_CALLS = 64 }; /* their records change the recorder's pages by next to nothing */

struct timeline {
    const struct replay *replay;
    size_t rows;
    struct curve live, inside, outside;
    uint64_t recorder_bytes;   /* as the recorder said last; 0: not yet */
    uint64_t inside_until;     /* ticks of its last sample, */
    uint64_t inside_calls;     /* and the heap's allocations and frees at it */
    struct curve_point *marks; /* their texts are the timeline's */
    size_t mark_count, most_marks;
    uint64_t mark_stride, marks_seen; /* when there are too many marks, every mark_stride-th is kept */
};

/* Of N rows: half for live bytes (3 a stretch), three sixteenths for samples of each origin, an eighth for
 * marks, 2 for the ends. */
static void *timeline_begin(const struct replay *replay, const struct analysis_options *options)
{
    struct timeline *t = memory_new(1, sizeof(*t));
    uint64_t start = trace_header(replay->trace)->start_ticks;

    t->replay = replay;
    t->rows = options->timeline_rows ? options->timeline_rows : ROWS;
    if (t->rows < LEAST_ROWS) t->rows = LEAST_ROWS;
    t->live = curve_new(start, t->rows / 6);
    t->inside = curve_new(start, t->rows / 16);
    t->outside = curve_new(start, t->rows / 16);
    t->most_marks = t->rows / 8;
    t->marks = memory_new(t->most_marks, sizeof(*t->marks));
    t->mark_stride = 1;
    return t;
}

static struct curve_point point_now(const struct timeline *t)
{
    const struct heap_totals *heap = &t->replay->heap;
    struct curve_point point = {
        .ticks = t->replay->ticks,
        .sequence = t->replay->events,
        .value = heap->live_bytes,
        .live_bytes = heap->live_bytes,
        .live_blocks = heap->live_blocks,
        .allocated_bytes = heap->allocated_bytes,
        .allocations = heap->allocations,
    };

    if (t->replay->rate_bytes) {
        point.estimates[0] = heap->estimates.live_bytes;
        point.estimates[1] = heap->estimates.live_blocks;
        point.estimates[2] = heap->estimates.allocated_bytes;
        point.estimates[3] = heap->estimates.allocations;
        point.value = estimated_nearest(heap->estimates.live_bytes.total);
    }
    return point;
}

static void timeline_sample(struct timeline *t, const struct event *e)
{
    bool outside = e->sample.reason == TRACE_SAMPLE_OUTSIDE;
    struct curve_point point = point_now(t);
    uint64_t calls = t->replay->heap.allocations + t->replay->heap.frees;

    if (e->sample.recorder_bytes) t->recorder_bytes = e->sample.recorder_bytes;
    if (!e->sample.rss_bytes) return;
    point.value = point.rss_bytes = e->sample.rss_bytes;
    point.recorder_bytes = t->recorder_bytes;
    if (!outside) {
        t->inside_until = point.ticks;
        t->inside_calls = calls;
    }
    curve_add(outside && calls - t->inside_calls > FEW_CALLS ? &t->outside : &t->inside, &point);
}

/* Too many marks to keep: every second one goes, and from now on every second one comes. */
static void timeline_thin_marks(struct timeline *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < t->mark_count; i++) {
        if (i % 2 == 0)
            t->marks[kept++] = t->marks[i];
        else
            free((char *)(uintptr_t)t->marks[i].mark);
    }
    t->mark_count = kept;
    t->mark_stride *= 2;
}

static void timeline_mark(struct timeline *t, const struct event *e)
{
    static const char *const names[] = {"mark", "main", "stop", "start"};
    const char *name = e->mark_kind < 4 ? names[e->mark_kind] : "mark";
    struct curve_point point = point_now(t);

    if (t->marks_seen++ % t->mark_stride != 0) return;
    if (t->mark_count == t->most_marks) timeline_thin_marks(t);
    point.mark = e->text_length ? memory_text(e->text, e->text_length) : memory_text(name, strlen(name));
    t->marks[t->mark_count++] = point;
}

static void timeline_event(void *state, const struct event *e, const struct replay_step *step)
{
    struct timeline *t = state;

    if (step->effect != EFFECT_NONE) {
        struct curve_point point = point_now(t);
        curve_add(&t->live, &point);
    } else if (e->kind == EVENT_SAMPLE) {
        timeline_sample(t, e);
    } else if (e->kind == EVENT_MARK) {
        timeline_mark(t, e);
    }
}

static int compare_points(const void *a, const void *b)
{
    const struct curve_point *left = a, *right = b;

    if (left->ticks != right->ticks) return left->ticks < right->ticks ? -1 : 1;
    return (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

static void estimate_row(const struct timeline *t, struct result *result, const struct curve_point *point)
{
    for (size_t i = 0; i < 4; i++) {
        bool bytes = i % 2 == 0;
        struct interval_basis basis =
            bytes ? estimated_bytes(t->replay, &point->estimates[i])
                  : estimated_all_events(t->replay, &t->replay->heap, &point->estimates[i]);
        result_set_estimate(result, result->row_count - 1, 1 + i, &basis);
    }
}

static void add_row(const struct timeline *t, struct result *result, const struct curve_point *point)
{
    struct result_value mark = {.is_null = true};
    struct result_value *row;

    if (point->mark) mark = value_text(result, point->mark, strlen(point->mark));
    row = result_add_row(result);
    row[0] = value_of(trace_ns(t->replay->trace, point->ticks));
    row[1] = value_of(point->live_bytes);
    row[2] = value_of(point->live_blocks);
    row[3] = value_of(point->allocated_bytes);
    row[4] = value_of(point->allocations);
    if (point->rss_bytes) row[5] = value_of(point->rss_bytes);
    if (point->rss_bytes && point->recorder_bytes) row[6] = value_of(point->recorder_bytes);
    row[7] = mark;
    if (t->replay->rate_bytes) estimate_row(t, result, point);
}

/* What the samples say, into POINTS; how many. */
static size_t sample_points(const struct timeline *t, struct curve_point *points)
{
    size_t count = curve_points(&t->inside, points), kept = count;
    size_t all = count + curve_points(&t->outside, points + count);

    for (size_t i = count; i < all; i++)
        if (points[i].ticks > t->inside_until) points[kept++] = points[i];
    return kept;
}

static struct result *timeline_finish(void *state)
{
    struct timeline *t = state;
    struct result *result = result_new("timeline", columns, COLUMNS);
    struct curve_point *points = memory_new(t->rows + LEAST_ROWS, sizeof(*points));
    size_t count = 0;

    if (t->replay->intervals) result_begin_estimates(result, t->replay->rate_bytes, estimated);
    points[count++] = (struct curve_point){.ticks = trace_header(t->replay->trace)->start_ticks};
    count += curve_points(&t->live, points + count);
    count += sample_points(t, points + count);
    for (size_t i = 0; i < t->mark_count; i++)
        points[count++] = t->marks[i];
    points[count] = point_now(t);
    points[count].ticks = replay_end(t->replay);
    points[count++].sequence = UINT64_MAX;
    qsort(points, count, sizeof(*points), compare_points);
    for (size_t i = 0; i < count; i++)
        add_row(t, result, &points[i]);
    for (size_t i = 0; i < t->mark_count; i++)
        free((char *)(uintptr_t)t->marks[i].mark);
    free(points);
    free(t->marks);
    curve_free(&t->live);
    curve_free(&t->inside);
    curve_free(&t->outside);
    free(t);
    return result;
}

const struct reducer reduce_timeline = {"timeline", timeline_begin, timeline_event, timeline_finish};
