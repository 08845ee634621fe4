/* RSS seen from inside: /proc/self/statm, which needs a descriptor for a moment. Only while no second thread
 * was ever created (another thread would see its open() return another number), with all signals blocked for
 * the same reason, and never in a sandbox. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include "hot/clock.h"
#include "process/image.h"
#include "process/sandbox.h"
#include "slow/chunk.h"
#include "syscall.h"

#define SAMPLE_INTERVAL_MS   2u /* at first; doubled every so many samples: */
#define SAMPLES_PER_INTERVAL 256u

static uint32_t samples_taken; /* of this image */

/* The second number of statm: resident pages. 0: not to be had. */
static uint64_t resident_bytes_read(void)
{
    char text[128] = "";
    uint64_t all = ~0ull, old = 0, pages = 0;
    raw_syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)&all, (long)&old, sizeof(old), 0, 0);
    long length = -1;
    long fd = raw_syscall(SYS_openat, AT_FDCWD, (long)"/proc/self/statm", O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (fd >= 0) {
        length = raw_syscall(SYS_read, fd, (long)text, sizeof(text), 0, 0, 0);
        raw_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
    }
    raw_syscall(SYS_rt_sigprocmask, 2, (long)&old, 0, sizeof(old), 0, 0);
    long at = 0;
    while (at < length && text[at] != ' ')
        at++;
    for (at++; at < length && text[at] >= '0' && text[at] <= '9'; at++)
        pages = pages * 10 + (uint64_t)(text[at] - '0');
    return pages * recorder_page_size;
}

void sample_take(struct lane *lane, unsigned reason)
{
    uint64_t rss = 0, peak = 0;
    if (reason == TRACE_SAMPLE_START) samples_taken = 0;
    if (recorder.samples_allowed && clock_one_thread()) {
        rss = resident_bytes_read();
        if (rss == 0) counter_add(TRACE_COUNTER_SAMPLES_FAILED);
    }
    /* ru_maxrss survives exec: what it is at the start tells a reader whether the end's is of this image. */
    struct rusage usage = {0};
    bool ask = reason == TRACE_SAMPLE_EXIT || (reason == TRACE_SAMPLE_START && recorder.samples_allowed);
    if (ask && raw_syscall(SYS_getrusage, RUSAGE_SELF, (long)&usage, 0, 0, 0, 0) == 0)
        peak = (uint64_t)usage.ru_maxrss * 1024;
    uint64_t monotonic_ns = slow_monotonic_ns(), ticks = clock_ticks();
    uint64_t fields[] = {ticks, monotonic_ns, reason, rss, peak, 0, 0, chunk_resident_bytes()};
    struct extension sample = {.type = TRACE_SAMPLE, .ticks = ticks, .fields = fields, .count = 8};
    if (rss != 0 || peak != 0) extension_write(lane, &sample);
    uint64_t interval = recorder.ticks_per_ms * SAMPLE_INTERVAL_MS;
    recorder.sample_ticks = ticks + (interval << (samples_taken / SAMPLES_PER_INTERVAL));
    samples_taken++;
}

uint64_t slow_sample_due(struct lane *lane)
{
    if (recorder.samples_allowed)
        sample_take(lane, TRACE_SAMPLE_RUNNING);
    else
        recorder.sample_ticks = UINT64_MAX;
    return clock_ticks();
}

uint64_t slow_monotonic_ns(void)
{
    struct timespec now;
    if (unlikely(sandbox_forbids(SANDBOX_CLOCK))) return sandbox_monotonic_ns();
    clock_gettime(CLOCK_MONOTONIC, &now); /* the vDSO: async-signal-safe, no system call */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
