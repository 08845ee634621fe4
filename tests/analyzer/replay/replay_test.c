/* What events do to the model of the heap: counting as valgrind counts, realloc and its failures, temporary
 * allocations, pools, what is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "../trace_builder.h"
#include "reader/order.h"
#include "replay/replay.h"

struct replayed {
    char path[64];
    int fd;
    struct trace *trace;
    struct replay *replay;
};

static struct replayed replay_all(struct builder *b)
{
    struct replayed r;
    struct event_stream *stream;
    struct event event;
    struct replay_step step;

    r.fd = builder_file(b, r.path);
    assert_int_equal(trace_open(r.path, &r.trace), 0);
    r.replay = replay_new(r.trace);
    stream = event_stream_open(r.trace);
    while (event_stream_next(stream, &event))
        replay_apply(r.replay, &event, &step);
    event_stream_close(stream);
    builder_free(b);
    return r;
}

static void replayed_free(struct replayed *r)
{
    replay_free(r->replay);
    trace_close(r->trace);
    close(r->fd);
}

#define assert_heap(r, field, value) assert_int_equal((r).replay->heap.field, value)

static void counts_allocations_and_frees(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct replayed r;

    (void)state;
    builder_malloc(&b, lane, 1, 0x1000, 100, 0x10);
    builder_allocate(&b, lane, TRACE_CALLOC, 2, 0x2000, 50, 0x20);
    builder_free_block(&b, lane, 3, 0x1000);
    builder_malloc(&b, lane, 4, 0x3000, 10, 0x10);
    r = replay_all(&b);
    assert_heap(r, allocations, 3);
    assert_heap(r, frees, 1);
    assert_heap(r, allocated_bytes, 160);
    assert_heap(r, live_bytes, 60);
    assert_heap(r, live_blocks, 2);
    assert_heap(r, peak_bytes, 150);
    assert_heap(r, peak_blocks, 2);
    assert_heap(r, peak_ticks, 2);
    assert_int_equal(r.replay->distinct_stacks, 2);
    assert_int_equal(r.replay->events, 4);
    replayed_free(&r);
}

static void the_first_peak_counts(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct replayed r;

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        builder_malloc(&b, lane, 10 * i + 1, 0x1000, 100, 0x10);
        builder_free_block(&b, lane, 10 * i + 2, 0x1000);
    }
    r = replay_all(&b);
    assert_heap(r, peak_bytes, 100);
    assert_heap(r, peak_ticks, 1);
    replayed_free(&r);
}

static void realloc_is_a_free_and_an_allocation(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct replayed r;

    (void)state;
    builder_allocate(&b, lane, TRACE_REALLOC_NULL, 1, 0x1000, 100, 0x10);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 2, 0x1000);
    builder_allocate(&b, lane, TRACE_REALLOC, 3, 0x1000, 300, 0x20);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 4, 0x1000);
    builder_realloc_end(&b, lane, 5, TRACE_REALLOC_FREED, 0, 0x20);
    r = replay_all(&b);
    assert_heap(r, allocations, 2);
    assert_heap(r, frees, 2);
    assert_heap(r, reallocations, 1);
    assert_heap(r, failed, 0);
    assert_heap(r, live_blocks, 0);
    assert_heap(r, peak_bytes, 300); /* never both blocks */
    assert_heap(r, displaced, 0);
    replayed_free(&r);
}

static void a_failed_realloc_leaves_the_block(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct replayed r;

    (void)state;
    builder_malloc(&b, lane, 1, 0x1000, 100, 0x10);
    builder_malloc(&b, lane, 2, 0x2000, 1, 0x10);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 3, 0x1000);
    builder_realloc_end(&b, lane, 4, TRACE_REALLOC_FAILED, 1 << 30, 0x20);
    r = replay_all(&b);
    assert_heap(r, frees, 0);
    assert_heap(r, failed, 1);
    assert_heap(r, live_bytes, 101);
    assert_heap(r, temporary, 0);
    assert_int_equal(r.replay->threads[0].frees, 0);
    replayed_free(&r);
}

/* A signal handler reallocates between begin and end: an end closes the innermost begin of its stream. */
static void reallocs_nest(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1), other = builder_lane(&b, 2);
    struct replayed r;

    (void)state;
    builder_malloc(&b, lane, 1, 0x1000, 100, 0x10);
    builder_malloc(&b, lane, 2, 0x2000, 20, 0x10);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 3, 0x1000);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 4, 0x2000);
    builder_realloc_end(&b, other, 5, TRACE_REALLOC_FAILED, 1, 0x20); /* of a stream without a begin */
    builder_realloc_end(&b, lane, 6, TRACE_REALLOC_FAILED, 1, 0x20);  /* 0x2000 is live again */
    builder_realloc_end(&b, lane, 7, TRACE_REALLOC_FREED, 0, 0x20);   /* 0x1000 is gone */
    r = replay_all(&b);
    assert_heap(r, live_bytes, 20);
    assert_heap(r, frees, 1);
    assert_heap(r, failed, 2);
    replayed_free(&r);
}

/* A handler that left by longjmp: its begin stays open for ever, and a new thread in the stream forgets it.
 */
static void abandoned_begins_are_frees(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct replayed r;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        builder_malloc(&b, lane, 2 * i + 1, 0x1000 + 16 * i, 8, 0x10);
        builder_release(&b, lane, TRACE_REALLOC_BEGIN, 2 * i + 1, 0x1000 + 16 * i);
    }
    builder_malloc(&b, lane, 5000, 0x1000, 8, 0x10);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 5001, 0x1000);
    builder_extension(&b, lane, TRACE_THREAD_START, NULL, 6, (uint64_t)2, (uint64_t)22, (uint64_t)6000,
                      (uint64_t)0, (uint64_t)0, (uint64_t)0);
    b.chunks[lane].ticks = 6000;
    builder_realloc_end(&b, lane, 6001, TRACE_REALLOC_FAILED, 1, 0x20);
    r = replay_all(&b);
    assert_heap(r, frees, 1001);
    assert_heap(r, live_blocks, 0);
    assert_int_equal(r.replay->thread_count, 2);
    assert_int_equal(r.replay->threads[1].tid, 22);
    replayed_free(&r);
}

static void temporary_is_freed_by_the_next_event(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1), other = builder_lane(&b, 2);
    struct replayed r;

    (void)state;
    builder_malloc(&b, lane, 1, 0x1000, 1, 0x10);
    builder_free_block(&b, other, 2, 0x1000); /* temporary, though another thread frees it */
    builder_malloc(&b, lane, 3, 0x1000, 1, 0x10);
    builder_malloc(&b, other, 4, 0x2000, 1, 0x20);
    builder_free_block(&b, lane, 5, 0x1000); /* another allocation came in between */
    builder_free_block(&b, lane, 6, 0x2000); /* another free */
    builder_malloc(&b, lane, 7, 0x3000, 1, 0x10);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 8, 0x3000); /* temporary: realloc is a free, too */
    builder_allocate(&b, lane, TRACE_REALLOC, 9, 0x4000, 1, 0x30);
    builder_mark(&b, lane, 10, TRACE_MARK_USER, "a mark is no event of the heap");
    builder_free_block(&b, lane, 11, 0x4000); /* temporary */
    r = replay_all(&b);
    assert_heap(r, temporary, 3);
    assert_int_equal(r.replay->sites[1].temporary, 2);
    replayed_free(&r);
}

static void a_failed_realloc_is_not_there_at_all(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct replayed r;

    (void)state;
    builder_malloc(&b, lane, 1, 0x1000, 1, 0x10);
    builder_release(&b, lane, TRACE_REALLOC_BEGIN, 2, 0x1000);
    builder_realloc_end(&b, lane, 3, TRACE_REALLOC_FAILED, 1, 0x20);
    builder_free_block(&b, lane, 4, 0x1000);
    r = replay_all(&b);
    assert_heap(r, temporary, 1); /* counted once, by the free */
    assert_heap(r, frees, 1);
    replayed_free(&r);
}

static void an_allocation_at_a_live_address(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct replayed r;

    (void)state;
    builder_malloc(&b, lane, 1, 0x1000, 100, 0x10);
    builder_malloc(&b, lane, 2, 0x1000, 30, 0x20);
    r = replay_all(&b);
    assert_heap(r, displaced, 1);
    assert_heap(r, frees, 0);
    assert_heap(r, live_bytes, 30);
    assert_heap(r, peak_bytes, 100);
    assert_int_equal(r.replay->sites[1].live_blocks, 0);
    replayed_free(&r);
}

/* A trace with one allocation and two frees, of which one is of a block never seen. */
static struct replayed unknown_free(uint32_t flags, bool stopped)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);

    builder_header(&b)->flags = flags;
    builder_malloc(&b, lane, 1, 0x1000, 100, 0x10);
    if (stopped) builder_mark(&b, lane, 2, TRACE_MARK_STOP, "");
    builder_free_block(&b, lane, 3, 0x5000);
    builder_free_block(&b, lane, 4, 0x1000);
    return replay_all(&b);
}

static void frees_of_unknown_blocks(void **state)
{
    struct replayed r = unknown_free(0, false);

    (void)state;
    assert_heap(r, frees, 1);
    assert_heap(r, frees_unknown, 1);
    replayed_free(&r);
    r = unknown_free(TRACE_FLAG_FORK_CHILD, false);
    assert_heap(r, frees, 1);
    assert_heap(r, frees_inherited, 1);
    assert_heap(r, frees_unknown, 0);
    replayed_free(&r);
    r = unknown_free(0, true);
    assert_heap(r, frees, 1);
    assert_heap(r, frees_unrecorded, 1);
    assert_heap(r, frees_unknown, 0);
    replayed_free(&r);
}

static void pools_have_a_heap_of_their_own(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct replayed r;

    (void)state;
    builder_malloc(&b, lane, 1, 0x1000, 4096, 0x10);
    builder_allocate(&b, lane, TRACE_MALLOC | TRACE_POOL, 2, 0x1000, 64, 0x10);
    builder_allocate(&b, lane, TRACE_MALLOC | TRACE_POOL, 3, 0x1040, 32, 0x10);
    builder_release(&b, lane, TRACE_FREE | TRACE_POOL, 4, 0x1000);
    r = replay_all(&b);
    assert_heap(r, allocations, 1);
    assert_heap(r, live_bytes, 4096);
    assert_heap(r, temporary, 0);
    assert_int_equal(r.replay->pool.allocations, 2);
    assert_int_equal(r.replay->pool.frees, 1);
    assert_int_equal(r.replay->pool.live_bytes, 32);
    assert_int_equal(r.replay->site_count, 1 + 2); /* one stack, two kinds */
    assert_int_equal(r.replay->distinct_stacks, 1);
    replayed_free(&r);
}

/* Two libraries take turns at one address: equal return addresses, different stacks; though the stream's
 * stack delta says that nothing changed. */
static void a_library_in_the_place_of_another(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    struct replayed r;

    (void)state;
    builder_module(&b, lane, 1, 1, 0x1000, 0x2000, 0x1000, "AA", "/lib/a");
    builder_malloc(&b, lane, 2, 0x10, 1, 0x1234);
    builder_module(&b, lane, 3, 2, 0x1000, 0x2000, 0x1000, "BB", "/lib/b");
    builder_begin(&b, lane, TRACE_MALLOC, 4); /* no STACK: the same return address */
    builder_leb(&b, lane, 1);
    builder_escape(&b, lane, 64, 0x20);
    builder_module(&b, lane, 5, 3, 0x3000, 0x4000, 0x3000, "AA", "/lib/a"); /* again, elsewhere */
    builder_malloc(&b, lane, 6, 0x30, 1, 0x3234);
    r = replay_all(&b);
    assert_int_equal(r.replay->distinct_stacks, 2);
    assert_int_equal(r.replay->sites[1].allocations, 2); /* the same frame of the same library */
    assert_int_equal(r.replay->sites[2].allocations, 1);
    replayed_free(&r);
}

/* What each site held at the peak, for 50 sites and random events, against a copy made at every new peak. */
static void sites_at_the_peak(void **state)
{
    enum { SITES = 50, BLOCKS = 300, EVENTS = 2500 };
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    uint64_t sizes[BLOCKS] = {0}, owner[BLOCKS] = {0}, live[SITES] = {0}, at_peak[SITES] = {0};
    uint64_t total = 0, peak = 0;
    struct replayed r;

    (void)state;
    srand(7);
    for (uint64_t i = 1; i <= EVENTS; i++) {
        size_t block = (size_t)rand() % BLOCKS;
        if (sizes[block]) {
            builder_free_block(&b, lane, i, 0x1000 + 16 * block);
            live[owner[block]] -= sizes[block];
            total -= sizes[block];
            sizes[block] = 0;
            continue;
        }
        owner[block] = (uint64_t)rand() % SITES;
        sizes[block] = (uint64_t)rand() % 1000 + 1;
        builder_malloc(&b, lane, i, 0x1000 + 16 * block, sizes[block], 0x5000 + owner[block]);
        live[owner[block]] += sizes[block];
        total += sizes[block];
        if (total <= peak) continue;
        peak = total;
        memcpy(at_peak, live, sizeof(live));
    }
    r = replay_all(&b);
    assert_heap(r, peak_bytes, peak);
    for (size_t i = 1; i < r.replay->site_count; i++) {
        const struct site *site = &r.replay->sites[i];
        uint64_t frame = stack_tree_node_frame(r.replay->stacks, site->stack).link_address, bytes, blocks;
        site_peak(r.replay, site, &bytes, &blocks);
        assert_int_equal(bytes, at_peak[frame - 0x5000]);
        assert_int_equal(site->live_bytes, live[frame - 0x5000]);
    }
    replayed_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_allocations_and_frees),
        cmocka_unit_test(the_first_peak_counts),
        cmocka_unit_test(realloc_is_a_free_and_an_allocation),
        cmocka_unit_test(a_failed_realloc_leaves_the_block),
        cmocka_unit_test(reallocs_nest),
        cmocka_unit_test(abandoned_begins_are_frees),
        cmocka_unit_test(temporary_is_freed_by_the_next_event),
        cmocka_unit_test(a_failed_realloc_is_not_there_at_all),
        cmocka_unit_test(an_allocation_at_a_live_address),
        cmocka_unit_test(frees_of_unknown_blocks),
        cmocka_unit_test(pools_have_a_heap_of_their_own),
        cmocka_unit_test(a_library_in_the_place_of_another),
        cmocka_unit_test(sites_at_the_peak),
    };

    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
