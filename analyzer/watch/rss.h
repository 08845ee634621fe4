/* The resident set of a running process, sampled from outside: RSS often, PSS and USS (which make the kernel
 * walk every page table of the process) as seldom as their cost asks for. */
#ifndef ANALYZER_WATCH_RSS_H
#define ANALYZER_WATCH_RSS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "watch/clock.h"

/* No more samples are kept than this; a power of two. */
#define RSS_SAMPLES_KEPT 4096

struct rss_sample {
    struct moment at;
    uint64_t rss_bytes, peak_rss_bytes, pss_bytes, uss_bytes; /* 0: not read then, or not permitted */
};

struct rss_sampler {
    struct rss_sample *samples; /* in order of time; count <= RSS_SAMPLES_KEPT */
    size_t count;
    uint64_t next_ns; /* CLOCK_MONOTONIC: when rss_sampler_take wants to be called next */
    /* private */
    pid_t pid;
    int statm;
    uint64_t page_bytes, interval_ns, rollup_next_ns;
};

/* Begin to sample PID, which must stay un-reaped until rss_sampler_end. Takes no sample yet. */
void rss_sampler_begin(struct rss_sampler *sampler, pid_t pid);
/* Take one sample, and say in next_ns when the next is due. A process that has no memory any more (a zombie)
 * gives none. When RSS_SAMPLES_KEPT are there every second one is dropped and the interval doubled; a sample
 * that stands out from its neighbours is kept in place of the one beside it, the largest one for ever. */
void rss_sampler_take(struct rss_sampler *sampler);
/* Close what is open; the samples stay until rss_sampler_free. */
void rss_sampler_end(struct rss_sampler *sampler);
void rss_sampler_free(struct rss_sampler *sampler);

/* The sampler's rule for dropping half of SAMPLES[0..COUNT), COUNT even, in place: returns COUNT / 2. */
size_t rss_samples_thin(struct rss_sample *samples, size_t count);

#endif
