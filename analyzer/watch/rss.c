#include "watch/rss.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "util/memory.h"

#define INTERVAL_FIRST_NS       1000000u  /* programs that live for milliseconds get some samples */
#define INTERVAL_NS             10000000u /* reached after a dozen samples, kept until the first thinning */
#define ROLLUP_FIRST_NS         50000000u
#define ROLLUP_LEAST_NS         200000000u /* between two readings of smaps_rollup */
#define ROLLUP_SHARE            100u /* and at least this many times what the last one took: 1 % of a CPU */
#define STANDS_OUT(rss, beside) ((rss) > (beside) + (beside) / 20) /* by more than 5 % */

void rss_sampler_begin(struct rss_sampler *sampler, pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    *sampler = (struct rss_sampler){
        .pid = pid,
        /* Kept open: one pread a sample. It follows the process through exec. */
        .statm = open(path, O_RDONLY | O_CLOEXEC),
        .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
        .interval_ns = INTERVAL_FIRST_NS,
        .samples = memory_new(RSS_SAMPLES_KEPT, sizeof(struct rss_sample)),
    };
    sampler->rollup_next_ns = monotonic_now() + ROLLUP_FIRST_NS;
}

/* All of the small file NAME of process PID; "" when it cannot be read. */
static void read_process_file(pid_t pid, const char *name, char *text, size_t size)
{
    char path[48];
    size_t used = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t length; descriptor >= 0 && used < size - 1; used += (size_t)length)
        if ((length = read(descriptor, text + used, size - 1 - used)) <= 0) break;
    if (descriptor >= 0) close(descriptor);
    text[used] = '\0';
}

/* The value in bytes of a line "NAME:  N kB", 0 when there is none. NAME with its colon. */
static uint64_t field_bytes(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, name, length) == 0) return strtoull(line + length, NULL, 10) * 1024;
    return 0;
}

static uint64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* smaps_rollup walks the page tables of the whole process under its map lock; status is cheap beside it. What
 * that took decides when it is read again. The elapsed time counts where it is the longer one: then we waited
 * for the lock, and the program may have waited for us. */
static void read_rollup(struct rss_sampler *sampler, struct rss_sample *sample)
{
    char text[4096];
    uint64_t cpu = cpu_ns(), start = monotonic_now();
    read_process_file(sampler->pid, "smaps_rollup", text, sizeof text);
    uint64_t end = monotonic_now(), cost = cpu_ns() - cpu;
    if (end - start > cost) cost = end - start;
    uint64_t pause = cost * ROLLUP_SHARE;
    sampler->rollup_next_ns = end + (pause > ROLLUP_LEAST_NS ? pause : ROLLUP_LEAST_NS);
    if (text[0] != '\0') {
        /* statm adds up counters that each processor keeps; this counted pages. */
        uint64_t rss = field_bytes(text, "Rss:");
        if (rss != 0) sample->rss_bytes = rss;
        sample->pss_bytes = field_bytes(text, "Pss:");
        sample->uss_bytes = field_bytes(text, "Private_Clean:") + field_bytes(text, "Private_Dirty:") +
                            field_bytes(text, "Private_Hugetlb:");
    }
    read_process_file(sampler->pid, "status", text, sizeof text);
    sample->peak_rss_bytes = field_bytes(text, "VmHWM:");
}

/* Of samples[0..COUNT), COUNT even, keep one of each pair: the first, so that what is left is even
 * in time, unless the higher one stands out from what is kept on both sides. */
size_t rss_samples_thin(struct rss_sample *samples, size_t count)
{
    size_t top = 0;
    for (size_t i = 1; i < count; i++)
        if (samples[i].rss_bytes > samples[top].rss_bytes) top = i;
    for (size_t pair = 0; pair < count; pair += 2) {
        uint64_t before = pair > 0 ? samples[pair / 2 - 1].rss_bytes : 0;
        uint64_t after = pair + 2 < count ? samples[pair + 2].rss_bytes : 0;
        uint64_t beside = before > after ? before : after;
        size_t higher = samples[pair + 1].rss_bytes > samples[pair].rss_bytes ? pair + 1 : pair;
        size_t kept = STANDS_OUT(samples[higher].rss_bytes, beside) ? higher : pair;
        if (top == pair || top == pair + 1) kept = top;
        samples[pair / 2] = samples[kept];
    }
    return count / 2;
}

static void keep(struct rss_sampler *sampler, const struct rss_sample *sample)
{
    if (sampler->count == RSS_SAMPLES_KEPT) {
        sampler->count = rss_samples_thin(sampler->samples, sampler->count);
        sampler->interval_ns *= 2;
    }
    sampler->samples[sampler->count++] = *sample;
}

void rss_sampler_take(struct rss_sampler *sampler)
{
    char text[128];
    struct rss_sample sample = {.at = moment_now()};
    ssize_t length = sampler->statm >= 0 ? pread(sampler->statm, text, sizeof text - 1, 0) : -1;
    unsigned long long resident = 0;
    if (length > 0) {
        text[length] = '\0';
        char *second = strchr(text, ' ');
        if (second != NULL) resident = strtoull(second, NULL, 10);
    }
    sampler->next_ns = sample.at.monotonic_ns + sampler->interval_ns;
    if (resident == 0) return;
    sample.rss_bytes = resident * sampler->page_bytes;
    if (sample.at.monotonic_ns >= sampler->rollup_next_ns) read_rollup(sampler, &sample);
    keep(sampler, &sample);
    if (sampler->interval_ns < INTERVAL_NS) {
        sampler->interval_ns += sampler->interval_ns / 4;
        if (sampler->interval_ns > INTERVAL_NS) sampler->interval_ns = INTERVAL_NS;
    }
}

void rss_sampler_end(struct rss_sampler *sampler)
{
    if (sampler->statm >= 0) close(sampler->statm);
    sampler->statm = -1;
}

void rss_sampler_free(struct rss_sampler *sampler)
{
    free(sampler->samples);
    sampler->samples = NULL;
}
