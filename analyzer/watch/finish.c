#include "watch/finish.h"

#include <stdio.h>
#include "watch/outside.h"
#include "watch/trim.h"

/* The largest RSS in the samples, the kernel's own high-water mark where it was read. */
static uint64_t largest_sample(const struct rss_sample *samples, size_t count)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].rss_bytes > largest) largest = samples[i].rss_bytes;
        if (samples[i].peak_rss_bytes > largest) largest = samples[i].peak_rss_bytes;
    }
    return largest;
}

/* What ru_maxrss says of the process's last image: that of all its images, ours before the exec among them,
 * and of the children that it waited for. 0: the figure may be another's. */
static uint64_t reported_peak(const struct child *child, size_t images)
{
    uint64_t reported = (uint64_t)child->usage.ru_maxrss * 1024;
    bool own = images == 1 && child->waited_children_faults == 0 && reported > child->rss_before_exec_bytes;
    return own ? reported : 0;
}

/* How many samples were taken before START_NS of CLOCK_MONOTONIC. */
static size_t samples_before(const struct rss_sampler *sampler, uint64_t start_ns)
{
    size_t count = 0;
    while (count < sampler->count && sampler->samples[count].at.monotonic_ns < start_ns)
        count++;
    return count;
}

/* Complete one image's trace. Of the samples the first *COUNT are its own and earlier images'; afterwards
 * *COUNT is the number of the latter, and END->at its start, which is the end of the image before. */
static void finish_image(const char *path, const struct rss_sampler *sampler, size_t *count,
                         struct outside_end *end, char *reason, size_t size)
{
    struct moment start;
    bool readable = outside_start(path, &start);
    size_t first = readable ? samples_before(sampler, start.monotonic_ns) : 0;
    if (first > *count) first = *count;
    if (end->peak_rss_bytes == 0)
        end->peak_rss_bytes = largest_sample(sampler->samples + first, *count - first);
    outside_append(path, sampler->samples + first, *count - first, end, reason, size);
    if (!readable) return;
    *count = first;
    end->at = start;
}

/* The program's images, from the last to the first: each one ends where the next begins. */
static void finish_program(const struct status *status, const struct child *child,
                           const struct rss_sampler *sampler, struct moment ended, struct recorded *recorded)
{
    size_t images = 0, samples = sampler->count;
    struct outside_end end = {.known = true, .signalled = child->signalled, .code = child->code, .at = ended};
    for (size_t i = 0; i < status->count; i++)
        if (status->lines[i].pid == child->pid) images++;
    end.peak_rss_bytes = reported_peak(child, images);
    for (size_t i = status->count; i-- > 0;) {
        const struct status_line *line = &status->lines[i];
        char reason[sizeof recorded->trouble] = "";
        if (line->pid != child->pid) continue;
        if (line->traced) finish_image(line->text, sampler, &samples, &end, reason, sizeof reason);
        if (end.known) {
            recorded->path = line->traced ? line->text : NULL;
            recorded->reason = line->traced ? NULL : line->text;
            snprintf(recorded->trouble, sizeof recorded->trouble, "%s", reason);
        } else if (line->traced && recorded->other == NULL) {
            recorded->other = line->text;
        }
        end.known = false;
        end.peak_rss_bytes = 0;
    }
}

/* The other processes cut their own traces when they exit, unless they are killed. Who still runs keeps its
 * own. */
static void finish_others(const struct status *status, const struct child *child, struct recorded *recorded)
{
    for (size_t i = 0; i < status->count; i++) {
        const struct status_line *line = &status->lines[i];
        if (!line->traced) continue;
        recorded->traces++;
        if (line->pid == child->pid) continue;
        trim_if_dead(line->text);
        if (recorded->other == NULL) recorded->other = line->text;
    }
}

void finish_traces(const struct status *status, const struct child *child, const struct rss_sampler *sampler,
                   struct moment ended, struct recorded *recorded)
{
    *recorded = (struct recorded){.traces = 0};
    finish_program(status, child, sampler, ended, recorded);
    finish_others(status, child, recorded);
}
