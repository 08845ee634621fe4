#include "reader/order.h"

#include <stdlib.h>
#include "reader/chunks.h"
#include "reader/events.h"
#include "util/memory.h"

/* A stream being read: one decoder, led from chunk to chunk. */
struct lane {
    struct decoder *decoder; /* NULL: not begun */
    uint32_t stream, chunk;  /* CHUNK_NONE: at its end */
    bool holds;              /* the chunk is acquired */
};

/* A thread sequence: a first-lane stream with second-lane runs put in; or a run by itself. */
struct sequence {
    uint64_t key;     /* of its next record; before it is begun, a lower bound */
    uint64_t rank;    /* of sequences with equal keys the one of lower rank is first: offset of its start */
    uint64_t after;   /* the key of its last record: no later one is less */
    struct lane lane; /* chunk CHUNK_NONE from the start: a run by itself */
    size_t run, run_end; /* the runs still to put in: indexes of the table's runs */
    bool in_run;         /* the next record is of runs[run], */
    uint32_t run_chunk;  /* in this chunk */
    uint64_t run_offset; /* at this offset in the file */
    bool begun;
};

struct event_stream {
    struct trace *trace;
    const struct chunk_table *table;
    struct sequence *sequences;
    size_t sequence_count;
    uint32_t *heap; /* indexes of sequences, the first to be read at 0 */
    size_t heap_count;
    struct lane *second_lanes; /* by stream; of second-lane streams only, shared by their runs */
    uint64_t bytes_done;
    bool taken; /* the first sequence's next record is not looked for yet: the event handed out borrows from
                   it */
    /* Runs that are read in another order than they were written make their chunks be decoded again.
     * Recorders write none; a forged trace must not make this quadratic. */
    uint64_t rewind_budget;
    uint64_t last_ticks, last_ns;
};

/* --- lanes ------------------------------------------------------------------------------------------ */

static void lane_let_go(struct event_stream *s, struct lane *lane)
{
    if (lane->holds) chunk_release(s->table, lane->chunk);
    lane->holds = false;
}

static void lane_begin_chunk(struct event_stream *s, struct lane *lane, uint32_t chunk)
{
    const struct chunk *c = &s->table->chunks[chunk];
    const uint8_t *start = s->table->bytes + c->offset;

    chunk_acquire(s->table, chunk); /* before the other is let go: it may be the same */
    lane_let_go(s, lane);
    if (!lane->decoder) lane->decoder = decoder_new();
    lane->chunk = chunk;
    lane->holds = true;
    decoder_begin(lane->decoder, start + TRACE_CHUNK_HEADER_BYTES, start + c->end, c->ticks, c->thread,
                  c->kind == TRACE_CHUNK_OUTSIDE, s->table->references);
}

static void lane_end(struct event_stream *s, struct lane *lane)
{
    lane_let_go(s, lane);
    decoder_free(lane->decoder);
    lane->decoder = NULL;
    lane->chunk = CHUNK_NONE;
}

static void lane_leave_chunk(struct event_stream *s, struct lane *lane)
{
    const struct chunk *c = &s->table->chunks[lane->chunk];

    s->bytes_done += c->end - TRACE_CHUNK_HEADER_BYTES;
    if (c->next == CHUNK_NONE)
        lane_end(s, lane);
    else
        lane_begin_chunk(s, lane, c->next);
}

/* The file offset and time of the next record, going on to the next chunk where one is at its end. */
static bool lane_peek(struct event_stream *s, struct lane *lane, uint64_t *offset, uint64_t *ticks)
{
    while (lane->chunk != CHUNK_NONE) {
        if (decoder_peek(lane->decoder, ticks)) {
            *offset = (uint64_t)(decoder_position(lane->decoder) - s->table->bytes);
            return true;
        }
        lane_leave_chunk(s, lane);
    }
    return false;
}

/* Bring a second lane to the record at OFFSET in CHUNK. Mostly it is there already, or stands in front of a
 * chunk's first record. False: the budget is used up. */
static bool lane_seek(struct event_stream *s, struct lane *lane, uint32_t chunk, uint64_t offset)
{
    const uint8_t *target = s->table->bytes + offset;
    struct event skipped;

    if (!lane->decoder || lane->chunk != chunk || decoder_position(lane->decoder) > target) {
        uint64_t cost = offset - s->table->chunks[chunk].offset;
        if (cost > s->rewind_budget) return false;
        s->rewind_budget -= cost;
        lane_begin_chunk(s, lane, chunk);
    }
    while (decoder_position(lane->decoder) < target) {
        if (!decoder_next(lane->decoder, &skipped)) return false;
        decoder_forget_kept(lane->decoder);
    }
    return decoder_position(lane->decoder) == target;
}

/* --- sequences -------------------------------------------------------------------------------------- */

static struct lane *sequence_run_lane(const struct event_stream *s, const struct sequence *q)
{
    return &s->second_lanes[s->table->runs[q->run].stream];
}

static void sequence_leave_run(struct sequence *q)
{
    q->in_run = false;
    q->run++;
}

/* Is there a next record in the run that Q stands in? Then *TICKS is its time; else the run is behind us. */
static bool sequence_peek_run(struct event_stream *s, struct sequence *q, uint64_t *ticks)
{
    struct lane *lane = sequence_run_lane(s, q);

    q->in_run = lane_peek(s, lane, &q->run_offset, ticks) && q->run_offset < s->table->runs[q->run].end;
    if (q->in_run)
        q->run_chunk = lane->chunk;
    else
        sequence_leave_run(q);
    return q->in_run;
}

/* Go to the next run's first record. */
static bool sequence_enter_run(struct event_stream *s, struct sequence *q, uint64_t *ticks)
{
    const struct lane_run *run = &s->table->runs[q->run];

    if (run->start < run->end && lane_seek(s, sequence_run_lane(s, q), run->chunk, run->start))
        return sequence_peek_run(s, q, ticks);
    sequence_leave_run(q);
    return false;
}

/* Find Q's next record and its key. False: there are no more. */
static bool sequence_advance(struct event_stream *s, struct sequence *q)
{
    uint64_t offset = 0, ticks = 0;
    bool found = q->in_run && sequence_peek_run(s, q, &ticks);

    if (!found) {
        bool first_lane = lane_peek(s, &q->lane, &offset, &ticks);
        found = first_lane;
        while (q->run < q->run_end && (!first_lane || s->table->runs[q->run].place <= offset)) {
            uint64_t run_ticks;
            if (!sequence_enter_run(s, q, &run_ticks)) continue;
            ticks = run_ticks;
            found = true;
            break;
        }
    }
    q->key = ticks > q->after ? ticks : q->after;
    return found;
}

static void sequence_begin(struct event_stream *s, struct sequence *q)
{
    q->begun = true;
    if (q->lane.chunk != CHUNK_NONE) lane_begin_chunk(s, &q->lane, q->lane.chunk);
}

/* --- the merge -------------------------------------------------------------------------------------- */

static bool heap_before(const struct event_stream *s, uint32_t a, uint32_t b)
{
    const struct sequence *left = &s->sequences[a], *right = &s->sequences[b];

    return left->key != right->key ? left->key < right->key : left->rank < right->rank;
}

/* The sequence at 0 has a greater key than before. */
static void heap_sift_down(struct event_stream *s, size_t at)
{
    uint32_t moved = s->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= s->heap_count) break;
        if (child + 1 < s->heap_count && heap_before(s, s->heap[child + 1], s->heap[child])) child++;
        if (!heap_before(s, s->heap[child], moved)) break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = moved;
}

static void heap_remove_first(struct event_stream *s)
{
    s->heap[0] = s->heap[--s->heap_count];
    if (s->heap_count) heap_sift_down(s, 0);
}

/* Runs that interrupt STREAM: [*first, *last) of the sorted table. */
static void runs_of_stream(const struct chunk_table *t, uint32_t stream, size_t *first, size_t *last)
{
    size_t low = 0, high = t->run_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->runs[middle].place_stream < stream)
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    while (low < t->run_count && t->runs[low].place_stream == stream)
        low++;
    *last = low;
}

static struct sequence *sequence_add(struct event_stream *s)
{
    struct sequence *q = &s->sequences[s->sequence_count];

    s->heap[s->heap_count++] = (uint32_t)s->sequence_count++;
    *q = (struct sequence){.lane = {.chunk = CHUNK_NONE}};
    return q;
}

static void add_first_lane(struct event_stream *s, uint32_t stream)
{
    const struct chunk *first = &s->table->chunks[s->table->streams[stream].first];
    struct sequence *q = sequence_add(s);

    q->lane.stream = stream;
    q->lane.chunk = s->table->streams[stream].first;
    q->rank = first->offset;
    if (s->table->streams[stream].kind == TRACE_CHUNK_LANE)
        runs_of_stream(s->table, stream, &q->run, &q->run_end);
    /* A stream is begun when its turn comes, so that of many threads few decoders are alive at a time; a
     * run put in before its first record may be earlier than its chunk's time. */
    q->key = q->run == q->run_end ? first->ticks : 0;
}

static void add_run(struct event_stream *s, size_t run)
{
    const struct lane_run *r = &s->table->runs[run];
    struct sequence *q = sequence_add(s);

    q->rank = r->start;
    q->run = run;
    q->run_end = run + 1;
    q->key = s->table->chunks[r->chunk].ticks;
}

struct event_stream *event_stream_open(struct trace *trace)
{
    struct event_stream *s = memory_new(1, sizeof(*s));
    const struct chunk_table *t = s->table = trace_chunks(trace);
    size_t most = t->stream_count + t->run_count;

    s->trace = trace;
    s->sequences = memory_new(most, sizeof(*s->sequences));
    s->heap = memory_new(most, sizeof(*s->heap));
    s->second_lanes = memory_new(t->stream_count, sizeof(*s->second_lanes));
    s->rewind_budget = 4 * t->record_bytes + (64u << 20);
    for (uint32_t i = 0; i < t->stream_count; i++) {
        s->second_lanes[i] = (struct lane){.stream = i, .chunk = CHUNK_NONE};
        if (t->streams[i].lane == 0) add_first_lane(s, i);
    }
    for (size_t i = t->run_count; i > 0 && t->runs[i - 1].place_stream == CHUNK_NONE; i--)
        if (t->runs[i - 1].start < t->runs[i - 1].end) add_run(s, i - 1);
    for (size_t i = s->heap_count / 2; i-- > 0;)
        heap_sift_down(s, i);
    return s;
}

void event_stream_close(struct event_stream *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->sequence_count; i++)
        lane_end(s, &s->sequences[i].lane);
    for (size_t i = 0; i < s->table->stream_count; i++)
        lane_end(s, &s->second_lanes[i]);
    free(s->sequences);
    free(s->heap);
    free(s->second_lanes);
    free(s);
}

/* Decode the record that Q stands at. False: it does not decode (all but its time): the chunk ends. */
static bool sequence_take(struct event_stream *s, struct sequence *q, struct event *e)
{
    struct lane *lane = q->in_run ? sequence_run_lane(s, q) : &q->lane;

    /* Since it was looked at, another sequence may have led the second lane to a run of its own. */
    if (q->in_run && !lane_seek(s, lane, q->run_chunk, q->run_offset)) {
        sequence_leave_run(q);
        return false;
    }
    if (!decoder_next(lane->decoder, e)) return false;
    e->stream = q->in_run ? s->table->runs[q->run].stream : q->lane.stream;
    e->lane = q->in_run ? 1 : 0;
    e->ticks = q->after = q->key;
    if (e->ticks != s->last_ticks) {
        s->last_ticks = e->ticks;
        s->last_ns = trace_ns(s->trace, e->ticks);
    }
    e->time_ns = s->last_ns;
    return true;
}

/* Look for the next record of the sequence at the heap's top and put the sequence in its new place. */
static void heap_advance_first(struct event_stream *s)
{
    struct sequence *q = &s->sequences[s->heap[0]];

    if (!q->begun) sequence_begin(s, q);
    if (!sequence_advance(s, q)) {
        lane_end(s, &q->lane);
        heap_remove_first(s);
    } else if (s->heap_count > 1) {
        heap_sift_down(s, 0);
    }
}

bool event_stream_next(struct event_stream *s, struct event *e)
{
    while (s->heap_count) {
        struct sequence *q = &s->sequences[s->heap[0]];

        if (s->taken || !q->begun) {
            s->taken = false;
            heap_advance_first(s);
            continue;
        }
        s->taken = true;
        if (sequence_take(s, q, e)) return true;
    }
    return false;
}

double trace_progress(const struct event_stream *s)
{
    double done = s->table->record_bytes ? (double)s->bytes_done / (double)s->table->record_bytes : 1.0;

    if (done > 1) done = 1; /* chunks that were decoded twice for their runs */
    return CHUNKS_SCAN_SHARE + (1 - CHUNKS_SCAN_SHARE) * done;
}
