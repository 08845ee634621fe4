/* What the sampler keeps when there is no room for everything, and what it reads of a real process. */
/* objects: analyzer/watch/rss.o analyzer/util/memory.o analyzer/util/report_error.o analyzer/util/progress.o
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "watch/rss.h"

#define MIB (1u << 20)

static struct rss_sample *make_samples(size_t count, uint64_t rss_bytes)
{
    struct rss_sample *samples = calloc(count, sizeof *samples);
    for (size_t i = 0; i < count; i++) {
        samples[i].at.monotonic_ns = i;
        samples[i].rss_bytes = rss_bytes;
    }
    return samples;
}

static void test_thinning_is_even_where_nothing_stands_out(void **state)
{
    (void)state;
    struct rss_sample *samples = make_samples(1000, 100 * MIB);
    for (size_t i = 0; i < 1000; i++)
        samples[i].rss_bytes += (i * 7919 % 1000) * 1000; /* noise of at most 1 % */
    uint64_t top = 0;
    for (size_t i = 0; i < 1000; i++)
        if (samples[i].rss_bytes > top) top = samples[i].rss_bytes;
    assert_int_equal(rss_samples_thin(samples, 1000), 500);
    size_t uneven = 0;
    for (size_t i = 0; i < 500; i++)
        if (samples[i].at.monotonic_ns != 2 * i) {
            uneven++;
            assert_int_equal(samples[i].rss_bytes, top);
        }
    assert_true(uneven <= 1);
    free(samples);
}

static void test_thinning_keeps_peaks_and_order(void **state)
{
    (void)state;
    struct rss_sample *samples = make_samples(4096, 10 * MIB);
    static const size_t peaks[] = {7, 1000, 1001, 2049, 4095};
    for (size_t i = 0; i < 5; i++)
        samples[peaks[i]].rss_bytes = (20 + i) * MIB;
    size_t count = 4096;
    while (count > 32) {
        count = rss_samples_thin(samples, count);
        for (size_t i = 1; i < count; i++)
            assert_true(samples[i].at.monotonic_ns > samples[i - 1].at.monotonic_ns);
    }
    static const uint64_t kept[] = {7, 1001, 2049, 4095}; /* 1000 is beside a higher one */
    for (size_t peak = 0; peak < 4; peak++) {
        bool found = false;
        for (size_t i = 0; i < count; i++)
            if (samples[i].at.monotonic_ns == kept[peak]) found = true;
        assert_true(found);
    }
    free(samples);
}

static void test_the_largest_is_never_dropped(void **state)
{
    (void)state;
    for (size_t place = 0; place < 64; place++) { /* it stands out by nothing, but it is the largest */
        struct rss_sample *samples = make_samples(64, 100 * MIB);
        samples[place].rss_bytes += 4096;
        size_t count = 64;
        while (count > 1)
            count = rss_samples_thin(samples, count);
        assert_int_equal(samples[0].at.monotonic_ns, place);
        free(samples);
    }
}

static pid_t child_with_touched(size_t bytes, int *ready)
{
    int both[2];
    assert_int_equal(pipe(both), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(pages, bytes, MADV_NOHUGEPAGE);
        memset(pages, 1, bytes);
        if (write(both[1], "x", 1) != 1) _exit(1);
        for (;;)
            pause();
    }
    close(both[1]);
    *ready = both[0];
    return pid;
}

static void test_reads_a_process(void **state)
{
    (void)state;
    int ready;
    char byte;
    pid_t pid = child_with_touched(64 * MIB, &ready);
    assert_int_equal(read(ready, &byte, 1), 1);
    struct rss_sampler sampler;
    rss_sampler_begin(&sampler, pid);
    uint64_t before = monotonic_now(), last = 0;
    while (monotonic_now() < before + 300000000u) { /* long enough for PSS */
        rss_sampler_take(&sampler);
        assert_true(sampler.next_ns > last);
        last = sampler.next_ns;
        usleep(5000);
    }
    assert_true(sampler.count > 10);
    bool detailed = false;
    for (size_t i = 0; i < sampler.count; i++) {
        const struct rss_sample *sample = &sampler.samples[i];
        assert_in_range(sample->rss_bytes, 63 * MIB, 80 * MIB);
        if (sample->pss_bytes == 0) continue;
        detailed = true;
        assert_in_range(sample->pss_bytes, 63 * MIB, sample->rss_bytes);
        assert_in_range(sample->uss_bytes, 63 * MIB, sample->pss_bytes);
        assert_in_range(sample->peak_rss_bytes, sample->rss_bytes, 80 * MIB);
    }
    assert_true(detailed);
    size_t count = sampler.count;
    kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    rss_sampler_take(&sampler); /* a zombie has no memory: no sample of zero */
    assert_int_equal(sampler.count, count);
    waitpid(pid, NULL, 0);
    rss_sampler_take(&sampler);
    assert_int_equal(sampler.count, count);
    rss_sampler_end(&sampler);
    rss_sampler_free(&sampler);
    close(ready);
}

static void test_the_interval_grows_and_the_count_does_not(void **state)
{
    (void)state;
    struct rss_sampler sampler;
    rss_sampler_begin(&sampler, getpid());
    sampler.rollup_next_ns = UINT64_MAX;
    for (size_t i = 0; i < 3 * RSS_SAMPLES_KEPT; i++) {
        rss_sampler_take(&sampler);
        assert_true(sampler.count <= RSS_SAMPLES_KEPT);
    }
    /* 4,096 fill it; every 2,048 after that halve it again. */
    assert_int_equal(sampler.interval_ns, 10000000u << 4);
    assert_true(sampler.count > RSS_SAMPLES_KEPT / 2);
    rss_sampler_end(&sampler);
    rss_sampler_free(&sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thinning_is_even_where_nothing_stands_out),
        cmocka_unit_test(test_thinning_keeps_peaks_and_order),
        cmocka_unit_test(test_the_largest_is_never_dropped),
        cmocka_unit_test(test_reads_a_process),
        cmocka_unit_test(test_the_interval_grows_and_the_count_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
