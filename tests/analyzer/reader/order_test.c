/* The one order of the trace: streams merged by time, second-lane runs put in at their places, ties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "../trace_builder.h"
#include "reader/order.h"

/* All records as text: blocks as numbers, `e` for a lane entry, `m` for a mark. */
static void read_order(struct builder *b, char *text, size_t most)
{
    char path[64];
    int fd = builder_file(b, path);
    struct trace *trace;
    struct event_stream *stream;
    struct event e;
    uint64_t last = 0;
    size_t length = 0;

    assert_int_equal(trace_open(path, &trace), 0);
    stream = event_stream_open(trace);
    text[0] = '\0';
    while (event_stream_next(stream, &e)) {
        assert_true(e.ticks >= last);
        last = e.ticks;
        if (e.kind == EVENT_ALLOCATION || e.kind == EVENT_FREE)
            length += (size_t)snprintf(text + length, most - length, "%llu ", (unsigned long long)e.block);
        else
            length +=
                (size_t)snprintf(text + length, most - length, "%s ", e.kind == EVENT_LANE_ENTRY ? "e" : "m");
        assert_true(length < most);
    }
    event_stream_close(stream);
    trace_close(trace);
    close(fd);
}

static void assert_order(struct builder *b, const char *expected)
{
    char text[512];

    read_order(b, text, sizeof(text));
    assert_string_equal(text, expected);
    builder_free(b);
}

static void lane_entry(struct builder *b, int chunk, uint64_t ticks, int place_chunk, uint64_t committed)
{
    builder_extension(b, chunk, TRACE_LANE_ENTRY, NULL, 3, ticks,
                      place_chunk < 0 ? (uint64_t)0 : b->chunks[place_chunk].offset, committed);
    b->chunks[chunk].ticks = ticks;
}

static void merges_threads_by_time(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1), two = builder_lane(&b, 2), three = builder_lane(&b, 3);

    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        builder_free_block(&b, one, 10 + 30 * i, 1 + 10 * i);
        builder_free_block(&b, two, 20 + 30 * i, 2 + 10 * i);
        builder_free_block(&b, three, 30 + 30 * i, 3 + 10 * i);
    }
    assert_order(&b, "1 2 3 11 12 13 21 22 23 31 32 33 ");
}

static void ties_go_to_the_earlier_chunk(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1), two = builder_lane(&b, 2);

    (void)state;
    builder_free_block(&b, two, 5, 3);
    builder_free_block(&b, two, 5, 4);
    builder_free_block(&b, one, 5, 1);
    builder_free_block(&b, one, 5, 2);
    assert_order(&b, "1 2 3 4 ");
}

static void a_stream_goes_on_in_its_next_chunk(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1), two = builder_lane(&b, 2);
    int one_more = builder_chunk(&b, TRACE_CHUNK_LANE, 0, 1, one, 40);

    (void)state;
    builder_free_block(&b, one, 10, 1);
    builder_free_block(&b, two, 45, 2);
    builder_free_block(&b, two, 60, 4);
    builder_free_block(&b, one_more, 50, 3);
    assert_order(&b, "1 2 3 4 ");
}

/* A chunk header's clock may be behind the chunk before: a sequence never goes back. */
static void keys_never_go_back(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1), two = builder_lane(&b, 2);
    int one_more = builder_chunk(&b, TRACE_CHUNK_LANE, 0, 1, one, 3);

    (void)state;
    builder_free_block(&b, one, 30, 2);
    builder_free_block(&b, one_more, 5, 3);
    builder_free_block(&b, two, 20, 1);
    builder_free_block(&b, two, 31, 4);
    assert_order(&b, "1 2 3 4 ");
}

static void a_run_goes_to_its_place(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1);
    int second = builder_chunk(&b, TRACE_CHUNK_LANE, 1, 1, -1, 0);
    uint64_t place;

    (void)state;
    builder_free_block(&b, one, 10, 1);
    place = b.chunks[one].at;
    builder_free_block(&b, one, 10, 4);
    builder_free_block(&b, one, 10, 5);
    lane_entry(&b, second, 10, one, place);
    builder_free_block(&b, second, 10, 2);
    builder_free_block(&b, second, 10, 3);
    /* behind all records: at the end */
    lane_entry(&b, second, 10, one, TRACE_CHUNK_ALIGNMENT);
    builder_free_block(&b, second, 10, 6);
    assert_order(&b, "1 e 2 3 4 5 e 6 ");
}

/* One second lane whose runs interrupt two first lanes, in an order that is not that of their writing. */
static void runs_are_found_in_any_order(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1), two = builder_lane(&b, 2);
    int second = builder_chunk(&b, TRACE_CHUNK_LANE, 1, 1, -1, 0);
    uint64_t place_one, place_two;

    (void)state;
    builder_free_block(&b, one, 10, 1);
    place_one = b.chunks[one].at;
    builder_free_block(&b, one, 90, 9);
    builder_free_block(&b, two, 5, 2);
    place_two = b.chunks[two].at;
    builder_free_block(&b, two, 50, 8);
    lane_entry(&b, second, 10, one, place_one);
    builder_free_block(&b, second, 20, 3);
    builder_free_block(&b, second, 40, 4);
    lane_entry(&b, second, 41, two, place_two);
    builder_free_block(&b, second, 42, 5);
    lane_entry(&b, second, 43, one, place_one);
    builder_free_block(&b, second, 44, 6);
    lane_entry(&b, second, 45, one, TRACE_CHUNK_HEADER_BYTES); /* in front of all of the first lane */
    builder_free_block(&b, second, 46, 7);
    assert_order(&b, "2 e 5 e 7 1 e 3 4 e 6 8 9 ");
}

/* No place: a sequence of its own, in its time. So is what stands in front of the first entry. */
static void runs_without_a_place_stand_alone(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1);
    int second = builder_chunk(&b, TRACE_CHUNK_LANE, 1, 1, -1, 0);

    (void)state;
    builder_free_block(&b, one, 10, 2);
    builder_free_block(&b, one, 30, 5);
    builder_free_block(&b, second, 5, 1);
    lane_entry(&b, second, 20, -1, 0);
    builder_free_block(&b, second, 21, 3);
    lane_entry(&b, second, 22, second, 200); /* not a first lane */
    builder_free_block(&b, second, 23, 4);
    assert_order(&b, "1 2 e 3 e 4 5 ");
}

/* A second lane that is handed to a new thread: what comes then happened long after the run before. */
static void a_thread_start_ends_a_run(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1);
    int second = builder_chunk(&b, TRACE_CHUNK_LANE, 1, 1, -1, 0);

    (void)state;
    builder_free_block(&b, one, 10, 1);
    builder_free_block(&b, one, 30, 4);
    lane_entry(&b, second, 10, one, b.chunks[one].at - 11);
    builder_free_block(&b, second, 11, 2);
    builder_extension(&b, second, TRACE_THREAD_START, NULL, 6, (uint64_t)2, (uint64_t)2, (uint64_t)20,
                      (uint64_t)0, (uint64_t)0, (uint64_t)0);
    b.chunks[second].ticks = 20;
    builder_free_block(&b, second, 40, 5);
    builder_free_block(&b, one, 35, 3);
    assert_order(&b, "1 e 2 m 4 3 5 ");
}

static void outside_chunks_are_merged(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1);
    int outside = builder_chunk(&b, TRACE_CHUNK_OUTSIDE, 0, 0, -1, 0);

    (void)state;
    builder_free_block(&b, one, 10, 1);
    builder_free_block(&b, one, 30, 2);
    builder_sample(&b, outside, 20, TRACE_SAMPLE_OUTSIDE, 4096, 0, 0);
    assert_order(&b, "1 m 2 ");
}

/* What the order borrows from, the decoders, is alive until the next record is asked for. */
static void stacks_stay_valid_until_the_next_event(void **state)
{
    struct builder b = builder_new();
    int one = builder_lane(&b, 1);
    uint64_t frames[3] = {30, 20, 10};
    char path[64];
    struct trace *trace;
    struct event_stream *stream;
    struct event e;
    int fd;

    (void)state;
    builder_begin(&b, one, TRACE_MALLOC | TRACE_STACK, 1);
    builder_leb(&b, one, 5);
    builder_escape(&b, one, 64, 0x1000);
    builder_stack(&b, one, frames, 3);
    fd = builder_file(&b, path);
    assert_int_equal(trace_open(path, &trace), 0);
    stream = event_stream_open(trace);
    assert_true(event_stream_next(stream, &e)); /* the last record of the last stream */
    assert_int_equal(e.depth, 3);
    assert_memory_equal(e.stack, frames, sizeof(frames));
    assert_false(event_stream_next(stream, &e));
    event_stream_close(stream);
    trace_close(trace);
    close(fd);
    builder_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_threads_by_time),
        cmocka_unit_test(ties_go_to_the_earlier_chunk),
        cmocka_unit_test(a_stream_goes_on_in_its_next_chunk),
        cmocka_unit_test(keys_never_go_back),
        cmocka_unit_test(a_run_goes_to_its_place),
        cmocka_unit_test(runs_are_found_in_any_order),
        cmocka_unit_test(runs_without_a_place_stand_alone),
        cmocka_unit_test(a_thread_start_ends_a_run),
        cmocka_unit_test(outside_chunks_are_merged),
        cmocka_unit_test(stacks_stay_valid_until_the_next_event),
    };

    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
