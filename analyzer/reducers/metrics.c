/* metrics: one row of figures about the whole trace.
 *
 * live_*: requested bytes of live blocks. rss_*: of the samples taken from outside where there are any, else
 * of the recorder's own; between two samples the first one's value holds. growth is peak - baseline. Mean and
 * percentiles are over the whole trace; slopes from the baseline on (reducers/level.h says how).
 *
 * Of a sampled trace: figures of the heap are estimates with intervals (metrics_estimates.c); what cannot be
 * estimated is null. */
#include <stdlib.h>
#include <string.h>
#include "reducers/level.h"
#include "reducers/metrics_estimates.h"
#include "reducers/reducer.h"
#include "util/memory.h"

#define COUNT(name, heading)                                                                                 \
    {                                                                                                        \
        name, VALUE_INTEGER, UNIT_COUNT, heading                                                             \
    }
#define BYTES(name, heading)                                                                                 \
    {                                                                                                        \
        name, VALUE_INTEGER, UNIT_BYTES, heading                                                             \
    }
#define TEXT(name, heading)                                                                                  \
    {                                                                                                        \
        name, VALUE_TEXT, UNIT_NONE, heading                                                                 \
    }
#define SLOPE(name, heading)                                                                                 \
    {                                                                                                        \
        name, VALUE_REAL, UNIT_BYTES_PER_HOUR, heading                                                       \
    }

static const struct result_column columns[] = {
    COUNT("allocations", "allocations"),
    COUNT("frees", "frees"),
    BYTES("allocated_bytes", "allocated"),
    BYTES("peak_live_bytes", "peak of live bytes"),
    {"peak_at_ns", VALUE_INTEGER, UNIT_NS, "peak reached at"},
    BYTES("live_bytes_at_end", "live at the end"),
    COUNT("leaked_allocations", "leaked allocations"),
    BYTES("leaked_bytes", "leaked"),
    COUNT("temporary_allocations", "temporary allocations"),
    {"duration_ns", VALUE_INTEGER, UNIT_NS, "duration"},
    COUNT("threads", "threads"),
    COUNT("distinct_stacks", "distinct stacks"),
    COUNT("events", "events"),
    COUNT("events_lost", "events lost"),
    {"complete", VALUE_BOOLEAN, UNIT_NONE, "complete"},
    TEXT("exit_kind", "ended by"),
    {"exit_code", VALUE_INTEGER, UNIT_NONE, "exit code"},
    BYTES("baseline_rss_bytes", "RSS, baseline"),
    BYTES("peak_rss_bytes", "RSS, peak"),
    BYTES("final_rss_bytes", "RSS, last"),
    BYTES("growth_rss_bytes", "RSS, growth"),
    {"growth_rss_percent", VALUE_REAL, UNIT_PERCENT, "RSS, growth rate"},
    BYTES("recorder_rss_bytes", "RSS of the recorder"),
    BYTES("baseline_live_bytes", "live bytes, baseline"),
    BYTES("growth_live_bytes", "live bytes, growth"),
    {"growth_live_percent", VALUE_REAL, UNIT_PERCENT, "live bytes, growth rate"},
    TEXT("stopped_because", "recording stopped because"),
    TEXT("executable", "executable"),
    TEXT("command_line", "command line"),
    {"pid", VALUE_INTEGER, UNIT_NONE, "pid"},
    TEXT("baseline_is", "baseline taken at"),
    TEXT("leaked_is", "leaked means"),
    COUNT("failed_allocations", "failed allocations"),
    COUNT("frees_of_unknown_blocks", "frees of unknown blocks"),
    COUNT("frees_of_inherited_blocks", "frees of inherited blocks"),
    COUNT("peak_live_blocks", "live blocks at the peak"),
    COUNT("live_blocks_at_end", "live blocks at the end"),
    COUNT("reallocations", "reallocations"),
    COUNT("pool_allocations", "pool allocations"),
    COUNT("pool_frees", "pool frees"),
    BYTES("pool_live_bytes_at_end", "live in pools at the end"),
    COUNT("truncated_stacks", "truncated stacks"),
    TEXT("rss_is", "RSS sampled from"),
    {"live_mean_bytes", VALUE_REAL, UNIT_BYTES, "live bytes, mean"},
    BYTES("live_p50_bytes", "live bytes, median"),
    BYTES("live_p95_bytes", "live bytes, 95th percentile"),
    BYTES("live_p99_bytes", "live bytes, 99th percentile"),
    SLOPE("live_slope_bytes_per_hour", "live bytes, slope"),
    SLOPE("live_slope_low", "live bytes, slope at least"),
    SLOPE("live_slope_high", "live bytes, slope at most"),
    {"rss_mean_bytes", VALUE_REAL, UNIT_BYTES, "RSS, mean"},
    BYTES("rss_p50_bytes", "RSS, median"),
    BYTES("rss_p95_bytes", "RSS, 95th percentile"),
    BYTES("rss_p99_bytes", "RSS, 99th percentile"),
    SLOPE("rss_slope_bytes_per_hour", "RSS, slope"),
    SLOPE("rss_slope_low", "RSS, slope at least"),
    SLOPE("rss_slope_high", "RSS, slope at most"),
    COUNT("frees_unrecorded", "frees while allocations went unrecorded"),
    COUNT("missing_frees", "allocations at addresses still live"),
    COUNT("damaged_chunks", "damaged chunks"),
    COUNT("rss_samples", "RSS samples"),
    BYTES("sampling_rate_bytes", "mean bytes between samples"),
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* RSS as samples of one origin say it. */
struct rss {
    uint64_t samples;
    uint64_t baseline, last, recorder;
    uint64_t greatest;        /* of all samples, the kernel's own peak of this image (VmHWM) included */
    bool baseline_is_awaited; /* the next sample is the baseline: there was none before */
    struct level level;
};

struct metrics {
    const struct replay *replay;
    struct rss inside, outside;
    uint64_t maxrss_at_start, maxrss_at_exit; /* ru_maxrss of the recorder's samples; 0: unknown */
    uint64_t baseline_live;
    struct level live;
    struct metrics_estimates estimates; /* of a sampled trace */
    struct result *result;
};

static void *metrics_begin(const struct replay *replay, const struct analysis_options *options)
{
    struct metrics *m = memory_new(1, sizeof(*m));
    uint64_t start = trace_header(replay->trace)->start_ticks;

    (void)options;
    m->replay = replay;
    m->inside.baseline_is_awaited = m->outside.baseline_is_awaited = true;
    level_restart(&m->live, start);
    level_restart(&m->inside.level, start);
    level_restart(&m->outside.level, start);
    level_set(&m->live, start, 0);
    metrics_estimates_begin(&m->estimates, replay, start);
    return m;
}

static void rss_sample(struct rss *rss, const struct event *e)
{
    const struct sample_record *s = &e->sample;

    if (s->recorder_bytes) rss->recorder = s->recorder_bytes;
    if (s->reason != TRACE_SAMPLE_START && s->reason != TRACE_SAMPLE_EXIT &&
        s->peak_rss_bytes > rss->greatest)
        rss->greatest = s->peak_rss_bytes;
    if (!s->rss_bytes) return;
    rss->samples++;
    rss->last = s->rss_bytes;
    if (s->rss_bytes > rss->greatest) rss->greatest = s->rss_bytes;
    if (rss->baseline_is_awaited) rss->baseline = s->rss_bytes;
    rss->baseline_is_awaited = false;
    level_set(&rss->level, e->ticks, s->rss_bytes);
}

static void rss_mark_baseline(struct rss *rss, uint64_t ticks)
{
    rss->baseline = rss->last;
    rss->baseline_is_awaited = rss->samples == 0;
    level_restart(&rss->level, ticks);
}

static void metrics_event(void *state, const struct event *e, const struct replay_step *step)
{
    struct metrics *m = state;

    if (step->effect != EFFECT_NONE) {
        if (m->replay->rate_bytes)
            metrics_estimates_event(&m->estimates, e->ticks);
        else
            level_set(&m->live, e->ticks, m->replay->heap.live_bytes);
    } else if (e->kind == EVENT_SAMPLE) {
        rss_sample(e->sample.reason == TRACE_SAMPLE_OUTSIDE ? &m->outside : &m->inside, e);
        if (e->sample.reason == TRACE_SAMPLE_START) m->maxrss_at_start = e->sample.peak_rss_bytes;
        if (e->sample.reason == TRACE_SAMPLE_EXIT) m->maxrss_at_exit = e->sample.peak_rss_bytes;
    } else if (step->baseline) {
        m->baseline_live = m->replay->heap.live_bytes;
        level_restart(&m->live, e->ticks);
        metrics_estimates_baseline(&m->estimates, e->ticks);
        rss_mark_baseline(&m->inside, e->ticks);
        rss_mark_baseline(&m->outside, e->ticks);
    }
}

/* --- the row ---------------------------------------------------------------------------------------- */

static void set(struct metrics *m, const char *name, struct result_value value)
{
    m->result->values[result_column_index(m->result, name)] = value;
}

static void set_count(struct metrics *m, const char *name, uint64_t value)
{
    set(m, name, value_of(value));
}

static void set_text(struct metrics *m, const char *name, const char *text)
{
    set(m, name, value_text(m->result, text, strlen(text)));
}

static void set_percent(struct metrics *m, const char *name, uint64_t baseline, double growth)
{
    if (baseline) set(m, name, value_real(growth / (double)baseline * 100));
}

static const char *exit_kind(const struct trace *trace)
{
    static const char *const kinds[] = {
        [TRACE_EXIT_EXIT] = "exit",   [TRACE_EXIT__EXIT] = "_exit",   [TRACE_EXIT_QUICK_EXIT] = "quick_exit",
        [TRACE_EXIT_ABORT] = "abort", [TRACE_EXIT_SIGNAL] = "signal", [TRACE_EXIT_EXEC] = "exec",
    };
    uint32_t kind = trace_header(trace)->exit.kind;

    if (kind == TRACE_EXIT_NONE && trace_process_runs(trace)) return "running";
    return kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[kind] ? kinds[kind] : "unknown";
}

/* As a shell would see it, or the signal's number. */
static void set_exit(struct metrics *m)
{
    const struct trace_exit *exit = &trace_header(m->replay->trace)->exit;

    set_text(m, "exit_kind", exit_kind(m->replay->trace));
    switch (exit->kind) {
    case TRACE_EXIT_EXIT:
    case TRACE_EXIT__EXIT:
    case TRACE_EXIT_QUICK_EXIT:
        set(m, "exit_code", value_integer(exit->code & 0xff));
        break;
    case TRACE_EXIT_SIGNAL:
        set(m, "exit_code", value_integer(exit->code));
        break;
    default:
        break;
    }
}

static const char *stopped_because(struct trace *trace)
{
    static const char *const reasons[] = {
        [TRACE_STOP_LIMIT] = "limit",         [TRACE_STOP_DISK_FULL] = "disk_full",
        [TRACE_STOP_NO_MEMORY] = "no_memory", [TRACE_STOP_SANDBOX] = "sandbox",
        [TRACE_STOP_INTERNAL] = "internal",
    };
    uint32_t reason = trace_header(trace)->stop_reason;

    if (reason != TRACE_STOP_NONE)
        return reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason] : "unknown";
    if (trace_is_cut(trace)) return "cut";
    return trace_damaged_chunks(trace) ? "damaged" : NULL;
}

static void set_trace(struct metrics *m)
{
    struct trace *trace = m->replay->trace;
    const char *reason = stopped_because(trace);

    set_count(m, "threads", m->replay->thread_count);
    set_count(m, "distinct_stacks", m->replay->distinct_stacks);
    set_count(m, "events", m->replay->events);
    set_count(m, "events_lost", trace_header(trace)->counters[TRACE_COUNTER_EVENTS_LOST]);
    set(m, "complete", value_boolean(reason == NULL));
    if (reason) set_text(m, "stopped_because", reason);
    set_exit(m);
    set_text(m, "executable", trace_executable(trace));
    set_text(m, "command_line", trace_command_line(trace));
    set_count(m, "pid", trace_header(trace)->pid);
    set_text(m, "leaked_is", "outstanding");
    set_text(m, "baseline_is", baseline_name(m->replay->marks.baseline));
    set_count(m, "peak_at_ns", trace_ns(trace, m->replay->heap.peak_ticks));
    set_count(m, "sampling_rate_bytes", m->replay->rate_bytes);
    set_count(m, "damaged_chunks", trace_damaged_chunks(trace));
}

static void set_heap(struct metrics *m)
{
    const struct heap_totals *heap = &m->replay->heap, *pool = &m->replay->pool;

    set_count(m, "allocations", heap->allocations);
    set_count(m, "frees", heap->frees);
    set_count(m, "allocated_bytes", heap->allocated_bytes);
    set_count(m, "peak_live_bytes", heap->peak_bytes);
    set_count(m, "peak_live_blocks", heap->peak_blocks);
    set_count(m, "live_bytes_at_end", heap->live_bytes);
    set_count(m, "live_blocks_at_end", heap->live_blocks);
    set_count(m, "leaked_allocations", heap->live_blocks);
    set_count(m, "leaked_bytes", heap->live_bytes);
    set_count(m, "temporary_allocations", heap->temporary);
    set_count(m, "reallocations", heap->reallocations);
    set_count(m, "failed_allocations", heap->failed);
    set_count(m, "truncated_stacks", m->replay->truncated_stacks);
    set_count(m, "frees_of_unknown_blocks", heap->frees_unknown);
    set_count(m, "frees_of_inherited_blocks", heap->frees_inherited);
    set_count(m, "frees_unrecorded", heap->frees_unrecorded);
    set_count(m, "missing_frees", heap->displaced);
    set_count(m, "pool_allocations", pool->allocations);
    set_count(m, "pool_frees", pool->frees);
    set_count(m, "pool_live_bytes_at_end", pool->live_bytes);
    set_count(m, "baseline_live_bytes", m->baseline_live);
    set_count(m, "growth_live_bytes", heap->peak_bytes - m->baseline_live);
    set_percent(m, "growth_live_percent", m->baseline_live, (double)(heap->peak_bytes - m->baseline_live));
}

/* The most RSS there was. The recorder can ask for ru_maxrss alone, which survives exec: it may be of the
 * image that this process was before (of a large program that started it by vfork). It is ours for certain
 * when it grew since the start. Where the start's is not known, samples from outside, with VmHWM, are
 * trusted more. */
static uint64_t peak_rss(const struct metrics *m, const struct rss *rss)
{
    uint64_t at_exit = trace_header(m->replay->trace)->exit.peak_rss_bytes;
    bool trusted;

    if (m->maxrss_at_exit > at_exit) at_exit = m->maxrss_at_exit;
    trusted = m->maxrss_at_start ? at_exit > m->maxrss_at_start : rss != &m->outside;
    return trusted && at_exit > rss->greatest ? at_exit : rss->greatest;
}

static void set_rss(struct metrics *m, const struct rss *rss)
{
    uint64_t peak = peak_rss(m, rss);
    bool baseline = rss->samples && !rss->baseline_is_awaited;

    set_text(m, "rss_is", rss == &m->outside ? "outside" : rss->samples ? "inside" : "none");
    set_count(m, "rss_samples", rss->samples);
    if (peak) set_count(m, "peak_rss_bytes", peak);
    if (rss->samples) set_count(m, "final_rss_bytes", rss->last);
    if (m->inside.recorder || m->outside.recorder)
        set_count(m, "recorder_rss_bytes", rss->recorder ? rss->recorder : m->inside.recorder);
    if (!baseline) return;
    set_count(m, "baseline_rss_bytes", rss->baseline);
    set(m, "growth_rss_bytes", value_integer((int64_t)(peak - rss->baseline)));
    set_percent(m, "growth_rss_percent", rss->baseline, (double)(int64_t)(peak - rss->baseline));
}

struct level_names {
    const char *mean, *p50, *p95, *p99, *slope, *low, *high;
};

static void set_level(struct metrics *m, struct level *level, uint64_t end, const struct level_names *names)
{
    double hour = 3600e9 / trace_ns_per_tick(m->replay->trace); /* ticks */
    struct level_slope slope;
    double mean;
    uint64_t p;

    if (level->known) level_hold(level, end);
    if (level_mean(level, &mean)) set(m, names->mean, value_real(mean));
    if (level_percentile(level, 50, &p)) set_count(m, names->p50, p);
    if (level_percentile(level, 95, &p)) set_count(m, names->p95, p);
    if (level_percentile(level, 99, &p)) set_count(m, names->p99, p);
    if (level_find_slope(level, &slope)) {
        set(m, names->slope, value_real(slope.slope * hour));
        set(m, names->low, value_real(slope.low * hour));
        set(m, names->high, value_real(slope.high * hour));
    }
    level_free(level);
}

static struct result *metrics_finish(void *state)
{
    static const struct level_names live_names = {
        "live_mean_bytes",           "live_p50_bytes", "live_p95_bytes", "live_p99_bytes",
        "live_slope_bytes_per_hour", "live_slope_low", "live_slope_high"};
    static const struct level_names rss_names = {
        "rss_mean_bytes",           "rss_p50_bytes", "rss_p95_bytes", "rss_p99_bytes",
        "rss_slope_bytes_per_hour", "rss_slope_low", "rss_slope_high"};
    struct metrics *m = state;
    struct result *result = m->result = result_new("metrics", columns, COLUMNS);
    struct rss *rss = m->outside.samples ? &m->outside : &m->inside;
    uint64_t end = replay_end(m->replay);

    result->single_row = true;
    if (m->replay->intervals)
        result_begin_estimates(result, m->replay->rate_bytes, metrics_estimated_columns);
    result_add_row(result);
    set_count(m, "duration_ns", trace_ns(m->replay->trace, end));
    set_trace(m);
    if (m->replay->rate_bytes) {
        metrics_estimates_finish(&m->estimates, result, end);
    } else {
        set_heap(m);
        set_level(m, &m->live, end, &live_names);
    }
    level_free(&m->live);
    set_rss(m, rss);
    set_level(m, &rss->level, end, &rss_names);
    level_free(&m->inside.level);
    level_free(&m->outside.level);
    free(m);
    return result;
}

const struct reducer reduce_metrics = {"metrics", metrics_begin, metrics_event, metrics_finish};
