/* A trace whose process is gone: where it ends, when it may be cut, and what is put into it. The files are
 * made here, byte by byte after docs/trace-format.md; what is appended is read back by a decoder of our own.
 */
/* objects: analyzer/watch/trim.o analyzer/watch/outside.o analyzer/util/memory.o analyzer/util/report_error.o
 * analyzer/util/progress.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "watch/outside.h"
#include "watch/trim.h"

#define KIB64 65536u
#define CAP   (1u << 30)

static const char path[] = "test.mtr";

/* A trace of CHUNKS lane chunks of 64 KiB, as a process leaves it that was killed: as large as its cap. */
static struct trace_header make_trace(unsigned chunks)
{
    struct trace_header header = {
        .magic = {'m', 'e', 'm', 't', 'r', 'a', 'c', 'e'},
        .byte_order = TRACE_BYTE_ORDER,
        .version = TRACE_VERSION,
        .header_bytes = TRACE_HEADER_BYTES,
        .info_offset = TRACE_INFO_OFFSET,
        .pid = 4242,
        .clock_kind = TRACE_CLOCK_TSC,
        .start_ticks = 5000,
        .start_monotonic_ns = 1000,
        .next = KIB64 + (uint64_t)chunks * KIB64,
        .limit = CAP,
    };
    unlink(path);
    int file = open(path, O_RDWR | O_CREAT | O_EXCL, 0400);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, CAP), 0);
    assert_int_equal(pwrite(file, &header, sizeof header, 0), sizeof header);
    for (unsigned i = 0; i < chunks; i++) {
        uint64_t offset = KIB64 + (uint64_t)i * KIB64;
        const struct trace_chunk chunk = {.magic = TRACE_CHUNK_MAGIC,
                                          .kind = TRACE_CHUNK_LANE,
                                          .offset = offset,
                                          .bytes = KIB64,
                                          .thread = 1};
        assert_int_equal(pwrite(file, &chunk, sizeof chunk, (off_t)offset), sizeof chunk);
    }
    close(file);
    return header;
}

static void change_header(const struct trace_header *header)
{
    assert_int_equal(chmod(path, 0600), 0);
    int file = open(path, O_RDWR);
    assert_int_equal(pwrite(file, header, sizeof *header, 0), sizeof *header);
    close(file);
    assert_int_equal(chmod(path, 0400), 0);
}

static struct trace_header read_header(void)
{
    struct trace_header header;
    int file = open(path, O_RDONLY);
    assert_int_equal(pread(file, &header, sizeof header, 0), sizeof header);
    close(file);
    return header;
}

static void assert_file(uint64_t bytes)
{
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_size, bytes);
    assert_int_equal(file.st_mode & 07777, 0400);
}

/* --- trim_if_dead --------------------------------------------------------------------------------- */

static void test_cuts_what_nobody_claimed(void **state)
{
    (void)state;
    make_trace(3);
    assert_int_equal(trim_if_dead(path), TRIM_DONE);
    assert_file(4 * KIB64);
    assert_int_equal(read_header().next, 4 * KIB64);
    assert_int_equal(trim_if_dead(path), TRIM_NOT_NEEDED);
    assert_file(4 * KIB64);
}

static void test_a_trace_without_chunks(void **state)
{
    (void)state;
    make_trace(0);
    assert_int_equal(trim_if_dead(path), TRIM_DONE);
    assert_file(KIB64);
}

static void test_never_below_a_mapping(void **state)
{
    (void)state;
    make_trace(1);
    assert_int_equal(chmod(path, 0600), 0);
    int file = open(path, O_RDWR);
    assert_int_equal(chmod(path, 0400), 0);
    char *mapping = mmap(NULL, KIB64, PROT_READ | PROT_WRITE, MAP_SHARED, file, KIB64);
    assert_ptr_not_equal(mapping, MAP_FAILED);
    assert_int_equal(trim_if_dead(path), TRIM_IN_USE);
    close(file); /* as the recorder does: the mapping alone is left */
    assert_int_equal(trim_if_dead(path), TRIM_IN_USE);
    assert_file(CAP);
    munmap(mapping, KIB64);
    assert_int_equal(trim_if_dead(path), TRIM_DONE);
    assert_file(2 * KIB64);
}

static void test_readers_do_not_count(void **state)
{
    (void)state;
    make_trace(1);
    int file = open(path, O_RDONLY);
    char *mapping = mmap(NULL, KIB64, PROT_READ, MAP_SHARED, file, 0);
    assert_int_equal(trim_if_dead(path), TRIM_DONE);
    munmap(mapping, KIB64);
    close(file);
}

/* Killed inside its own trim: next was exchanged for the limit, and where the trace ends is to be found. */
static void test_killed_while_it_trimmed(void **state)
{
    (void)state;
    struct trace_header header = make_trace(3);
    header.next = header.limit;
    change_header(&header);
    assert_int_equal(trim_if_dead(path), TRIM_DONE);
    assert_file(4 * KIB64);
    assert_int_equal(read_header().next, 4 * KIB64);
}

static void test_killed_after_it_had_cut(void **state)
{
    (void)state;
    struct trace_header header = make_trace(3);
    header.next = header.limit;
    change_header(&header);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 4 * KIB64), 0);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(trim_if_dead(path), TRIM_NOT_NEEDED);
    assert_file(4 * KIB64);
}

/* A claimed place where no chunk was begun yet lies between two chunks; the one behind it must stay. */
static void test_an_unbegun_chunk_is_no_end(void **state)
{
    (void)state;
    struct trace_header header = make_trace(5);
    const struct trace_chunk none = {.magic = 0};
    header.next = header.limit;
    change_header(&header);
    assert_int_equal(chmod(path, 0600), 0);
    int file = open(path, O_RDWR);
    assert_int_equal(pwrite(file, &none, sizeof none, 2 * KIB64), sizeof none);
    close(file);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(trim_if_dead(path), TRIM_DONE);
    assert_file(6 * KIB64);
}

static void test_leaves_alone_what_is_no_trace(void **state)
{
    (void)state;
    struct trace_header header = make_trace(1);
    header.version = TRACE_VERSION + 1;
    change_header(&header);
    assert_int_equal(trim_if_dead(path), TRIM_NOT_A_TRACE);
    header.version = TRACE_VERSION;
    header.magic[0] = 0; /* never ready */
    change_header(&header);
    assert_int_equal(trim_if_dead(path), TRIM_NOT_A_TRACE);
    assert_file(CAP);
    header.magic[0] = 'm';
    change_header(&header);
    assert_int_equal(symlink(path, "link.mtr"), 0);
    assert_int_equal(trim_if_dead("link.mtr"), TRIM_NOT_A_TRACE);
    assert_int_equal(mkfifo("fifo.mtr", 0600), 0);
    assert_int_equal(trim_if_dead("fifo.mtr"), TRIM_NOT_A_TRACE); /* and does not wait for a writer */
    assert_int_equal(trim_if_dead("."), TRIM_NOT_A_TRACE);
    assert_int_equal(trim_if_dead("missing.mtr"), TRIM_FAILED);
    assert_int_equal(errno, ENOENT);
    assert_file(CAP);
}

static void test_a_cut_trace_is_not_made_longer(void **state)
{
    (void)state;
    make_trace(3);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 2 * KIB64 + 100), 0); /* copied by half */
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(trim_if_dead(path), TRIM_NOT_NEEDED);
    assert_file(2 * KIB64 + 100);
}

/* --- outside_append ------------------------------------------------------------------------------- */

static struct rss_sample make_sample(uint64_t ns)
{
    return (struct rss_sample){.at = {.monotonic_ns = ns, .tsc = 5 * ns},
                               .rss_bytes = 4096 * ns,
                               .peak_rss_bytes = UINT64_MAX,
                               .pss_bytes = 100,
                               .uss_bytes = 0};
}

static const struct outside_end killed = {
    .known = true, .signalled = true, .code = SIGKILL, .at = {9000, 45000}, .peak_rss_bytes = 1u << 20};

static void append(const struct rss_sample *samples, size_t count, const struct outside_end *end)
{
    char reason[128] = "";
    int status = outside_append(path, samples, count, end, reason, sizeof reason);
    assert_string_equal(reason, "");
    assert_int_equal(status, 0);
}

static uint64_t get_leb(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
}

/* Check that the chunk at OFFSET holds exactly the samples of FIRST..LAST ns, one a ns. Returns its bytes. */
static uint64_t assert_samples(uint64_t offset, uint64_t first, uint64_t last)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    int file = open(path, O_RDONLY);
    uint8_t *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
    struct trace_chunk chunk;
    memcpy(&chunk, bytes + offset, sizeof chunk);
    assert_int_equal(chunk.magic, TRACE_CHUNK_MAGIC);
    assert_int_equal(chunk.kind, TRACE_CHUNK_OUTSIDE);
    assert_int_equal(chunk.offset, offset);
    assert_int_equal(chunk.bytes % KIB64, 0);
    assert_int_equal(chunk.thread, 0);
    assert_int_equal(chunk.previous, 0);
    assert_int_equal(chunk.monotonic_ns, first);
    assert_int_equal(chunk.ticks, 5 * first);
    const uint8_t *at = bytes + offset + TRACE_CHUNK_HEADER_BYTES;
    for (uint64_t ns = first; ns <= last; ns++) {
        assert_int_equal(*at++, TRACE_EXTENSION);
        assert_int_equal(get_leb(&at), TRACE_SAMPLE);
        const uint8_t *end = at;
        uint64_t length = get_leb(&end);
        end += length;
        get_leb(&at);
        const uint64_t want[] = {5 * ns, ns, TRACE_SAMPLE_OUTSIDE, 4096 * ns, UINT64_MAX, 100, 0, 0};
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(get_leb(&at), want[i]);
        assert_ptr_equal(at, end);
    }
    assert_int_equal(chunk.committed, at - (bytes + offset));
    for (const uint8_t *zero = at; zero < bytes + offset + chunk.bytes; zero++)
        assert_int_equal(*zero, 0);
    munmap(bytes, (size_t)status.st_size);
    close(file);
    return chunk.bytes;
}

static void test_appends_samples_and_the_end(void **state)
{
    (void)state;
    struct rss_sample samples[1200];
    for (uint64_t i = 0; i < 1200; i++)
        samples[i] = make_sample(900 + i); /* the first 100 are before the trace's start */
    make_trace(2);
    append(samples, 1200, &killed);
    uint64_t bytes = assert_samples(3 * KIB64, 1000, 2099);
    assert_file(3 * KIB64 + bytes);
    struct trace_header header = read_header();
    assert_int_equal(header.next, 3 * KIB64 + bytes);
    assert_int_equal(header.limit, CAP);
    assert_int_equal(header.flags, TRACE_FLAG_UNDER_RUN);
    assert_int_equal(header.exit.kind, TRACE_EXIT_SIGNAL);
    assert_int_equal(header.exit.code, SIGKILL);
    assert_int_equal(header.exit.ticks, 45000);
    assert_int_equal(header.exit.monotonic_ns, 9000);
    assert_int_equal(header.exit.peak_rss_bytes, 1u << 20);
}

static void test_many_samples_take_larger_chunks(void **state)
{
    (void)state;
    struct rss_sample *samples = calloc(RSS_SAMPLES_KEPT, sizeof *samples);
    for (uint64_t i = 0; i < RSS_SAMPLES_KEPT; i++)
        samples[i] = make_sample(1000 + i);
    make_trace(1);
    append(samples, RSS_SAMPLES_KEPT, &killed);
    uint64_t bytes = assert_samples(2 * KIB64, 1000, 1000 + RSS_SAMPLES_KEPT - 1);
    assert_true(bytes > KIB64);
    assert_file(2 * KIB64 + bytes);
    free(samples);
}

static void test_no_sample_no_chunk(void **state)
{
    (void)state;
    make_trace(2);
    append(NULL, 0, &killed);
    assert_file(3 * KIB64);
    struct rss_sample early = make_sample(999);
    make_trace(2);
    append(&early, 1, &killed);
    assert_file(3 * KIB64);
    assert_int_equal(read_header().exit.kind, TRACE_EXIT_SIGNAL);
}

static void test_monotonic_ticks_are_ns(void **state)
{
    (void)state;
    struct trace_header header = make_trace(1);
    header.clock_kind = TRACE_CLOCK_MONOTONIC;
    header.start_ticks = header.start_monotonic_ns;
    change_header(&header);
    struct rss_sample sample = make_sample(2000);
    append(&sample, 1, &killed);
    assert_int_equal(read_header().exit.ticks, 9000);
}

/* What the recorder wrote, what wait said, and which kind and code the trace has then. */
static void test_the_recorders_word_unless_it_contradicts(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        int32_t code;
        struct outside_end end;
        uint32_t want_kind;
        int32_t want_code;
    } cases[] = {
        {TRACE_EXIT_NONE, 0, {.known = true, .code = 7}, TRACE_EXIT__EXIT, 7},
        {TRACE_EXIT_NONE, 0, {.known = true, .signalled = true, .code = SIGSEGV}, TRACE_EXIT_SIGNAL, SIGSEGV},
        {TRACE_EXIT_NONE, 0, {.known = false}, TRACE_EXIT_EXEC, 0},
        {TRACE_EXIT_EXIT, 0, {.known = true}, TRACE_EXIT_EXIT, 0},
        {TRACE_EXIT_EXIT, -1, {.known = true, .code = 255}, TRACE_EXIT_EXIT, -1},
        {TRACE_EXIT_QUICK_EXIT, 259, {.known = true, .code = 3}, TRACE_EXIT_QUICK_EXIT, 259},
        {TRACE_EXIT_EXIT, 0, {.known = true, .signalled = true, .code = SIGSEGV}, TRACE_EXIT_SIGNAL, SIGSEGV},
        {TRACE_EXIT_EXIT, 0, {.known = true, .code = 5}, TRACE_EXIT__EXIT, 5},
        {TRACE_EXIT_ABORT, 6, {.known = true, .signalled = true, .code = SIGABRT}, TRACE_EXIT_ABORT, 6},
        {TRACE_EXIT_ABORT, 6, {.known = true, .code = 1}, TRACE_EXIT__EXIT, 1},
        {TRACE_EXIT_EXEC, 0, {.known = true, .code = 1}, TRACE_EXIT_EXEC, 0},
        {TRACE_EXIT_EXEC, 0, {.known = false}, TRACE_EXIT_EXEC, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trace_header header = make_trace(1);
        header.exit = (struct trace_exit){.kind = cases[i].kind,
                                          .code = cases[i].code,
                                          .stack_pointer = 77,
                                          .snapshot = 8,
                                          .peak_rss_bytes = 99};
        change_header(&header);
        append(NULL, 0, &cases[i].end);
        struct trace_exit written = read_header().exit;
        assert_int_equal(written.kind, cases[i].want_kind);
        assert_int_equal(written.code, cases[i].want_code);
        assert_int_equal(written.stack_pointer, 77);
        assert_int_equal(written.snapshot, 8);
        assert_int_equal(written.peak_rss_bytes, 99);
    }
}

static void test_samples_after_exec_are_not_its_own(void **state)
{
    (void)state;
    struct trace_header header = make_trace(1);
    header.exit = (struct trace_exit){.kind = TRACE_EXIT_EXEC, .ticks = 5 * 1020, .monotonic_ns = 1020};
    change_header(&header);
    struct rss_sample samples[100];
    for (uint64_t i = 0; i < 100; i++)
        samples[i] = make_sample(1000 + i);
    append(samples, 100, &(struct outside_end){.known = true});
    assert_samples(2 * KIB64, 1000, 1020);
}

static void test_a_full_trace_gets_its_samples(void **state)
{
    (void)state;
    struct trace_header header = make_trace(3);
    header.limit = header.next;
    header.stop_reason = TRACE_STOP_LIMIT;
    change_header(&header);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, (off_t)header.next), 0);
    assert_int_equal(chmod(path, 0400), 0);
    struct rss_sample sample = make_sample(2000);
    append(&sample, 1, &killed);
    assert_samples(4 * KIB64, 2000, 2000);
    assert_file(5 * KIB64);
    assert_int_equal(read_header().limit, 5 * KIB64); /* no chunk extends beyond it */
}

static void test_no_room_keeps_the_trace(void **state)
{
    (void)state;
    const struct rlimit whole = {RLIM_INFINITY, RLIM_INFINITY}, small = {3 * KIB64 + 1000, RLIM_INFINITY};
    char reason[128];
    struct rss_sample sample = make_sample(2000);
    make_trace(2);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int status = outside_append(path, &sample, 1, &killed, reason, sizeof reason);
    setrlimit(RLIMIT_FSIZE, &whole);
    assert_int_equal(status, -1);
    assert_string_equal(reason, "File too large");
    assert_file(3 * KIB64);
    struct trace_header header = read_header();
    assert_int_equal(header.next, 3 * KIB64);
    assert_int_equal(header.exit.kind, TRACE_EXIT_SIGNAL);
}

static void test_does_not_touch_a_trace_in_use(void **state)
{
    (void)state;
    char reason[128];
    make_trace(1);
    int file = open(path, O_RDWR);
    if (file < 0) { /* not root */
        assert_int_equal(chmod(path, 0600), 0);
        file = open(path, O_RDWR);
        assert_int_equal(chmod(path, 0400), 0);
    }
    assert_int_equal(outside_append(path, NULL, 0, &killed, reason, sizeof reason), -1);
    assert_string_equal(reason, "a process still writes to it");
    close(file);
    assert_int_equal(read_header().exit.kind, TRACE_EXIT_NONE);
    assert_file(CAP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts_what_nobody_claimed),
        cmocka_unit_test(test_a_trace_without_chunks),
        cmocka_unit_test(test_never_below_a_mapping),
        cmocka_unit_test(test_readers_do_not_count),
        cmocka_unit_test(test_killed_while_it_trimmed),
        cmocka_unit_test(test_killed_after_it_had_cut),
        cmocka_unit_test(test_an_unbegun_chunk_is_no_end),
        cmocka_unit_test(test_leaves_alone_what_is_no_trace),
        cmocka_unit_test(test_a_cut_trace_is_not_made_longer),
        cmocka_unit_test(test_appends_samples_and_the_end),
        cmocka_unit_test(test_many_samples_take_larger_chunks),
        cmocka_unit_test(test_no_sample_no_chunk),
        cmocka_unit_test(test_monotonic_ticks_are_ns),
        cmocka_unit_test(test_the_recorders_word_unless_it_contradicts),
        cmocka_unit_test(test_samples_after_exec_are_not_its_own),
        cmocka_unit_test(test_a_full_trace_gets_its_samples),
        cmocka_unit_test(test_no_room_keeps_the_trace),
        cmocka_unit_test(test_does_not_touch_a_trace_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
