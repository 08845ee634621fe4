#include "replay/replay.h"

#include <stdlib.h>
#include <string.h>
#include "replay/live_map.h"
#include "util/hash_table.h"
#include "util/memory.h"

#define FRAME_CACHE 4096u
#define THREAD_NONE UINT32_MAX
/* A begin whose end never came (its handler left by longjmp) stays open; a stream keeps the innermost so
 * many, far more than signals nest. */
#define OPEN_BEGINS 256u

/* A realloc_begin that waits for its end. */
struct open_begin {
    struct live_block block; /* site 0: it was of no known block */
    uint64_t *unknown;       /* then: the counter of heap_totals where its free went */
    bool temporary;
    uint64_t heap_events; /* when it was begun */
};

/* A stack that was interned before, by the token that names it when it comes again. */
struct known_stack {
    uint64_t token; /* 0: none */
    uint32_t leaf;
};

#define KNOWN_STACKS 128u /* twice as many as a stream can refer back to */

/* The stack of a stream, interned: nodes[i] is the node of the i-th frame from the outer end. */
struct replay_stream {
    uint32_t *nodes;
    size_t node_capacity, depth;
    uint32_t leaf;
    uint32_t module_changes; /* when the nodes were interned */
    uint64_t token;          /* of the event they were interned for; 0: none yet */
    uint64_t last_token;     /* of the last event with a stack */
    struct known_stack known[KNOWN_STACKS];
    uint64_t serial; /* thread */
    uint32_t thread;
    struct open_begin *begins;
    size_t begin_count, begin_capacity;
};

struct cached_frame {
    uint64_t address;
    uint32_t module_changes, frame;
    bool filled;
};

struct thread_entry {
    uint64_t serial;
    uint32_t thread;
    UT_hash_handle hh;
};

struct replay_private {
    struct live_map *live, *pool;
    struct replay_stream *streams;
    size_t stream_count;
    uint32_t *site_of_stack; /* by node: its site, of whichever kind came first; 0: none */
    size_t site_of_stack_count;
    size_t site_capacity, thread_capacity;
    size_t site_estimate_capacity, thread_estimate_capacity;
    struct cached_frame frames[FRAME_CACHE];
    uint32_t module_changes;
    struct thread_entry *thread_table;
    struct arena *thread_entries;
    uint64_t ignored;     /* frees of unknown blocks in a sampled trace */
    uint64_t heap_events; /* allocations and frees of the allocator */
    uint64_t last_block;  /* the address allocated by the last of them, */
    bool last_allocated;  /* if it was an allocation */
};

/* Entry USED of *ESTIMATES, which grows with an array of USED + 1, if the trace is sampled. */
static void estimates_grow(const struct replay *r, struct heap_estimates **estimates, size_t *capacity,
                           size_t used)
{
    if (!r->rate_bytes) return;
    *estimates = memory_grow(*estimates, capacity, used, sizeof(**estimates));
    (*estimates)[used] = (struct heap_estimates){.least_bytes = UINT64_MAX};
}

struct replay *replay_new(struct trace *trace)
{
    struct replay *r = memory_new(1, sizeof(*r));
    struct replay_private *p = r->private = memory_new(1, sizeof(*p));

    r->trace = trace;
    r->rate_bytes = trace_header(trace)->sampling_rate_bytes;
    r->intervals = r->rate_bytes != 0;
    r->heap.estimates.least_bytes = r->pool.estimates.least_bytes = UINT64_MAX;
    r->modules = modules_new(trace);
    r->stacks = stack_tree_new();
    r->sites = memory_grow(NULL, &p->site_capacity, 0, sizeof(*r->sites));
    r->site_count = 1;
    memset(r->sites, 0, sizeof(*r->sites));
    estimates_grow(r, &r->site_estimates, &p->site_estimate_capacity, 0);
    p->thread_entries = arena_new();
    p->live = live_map_new();
    p->pool = live_map_new();
    return r;
}

void replay_free(struct replay *r)
{
    struct replay_private *p;

    if (!r) return;
    p = r->private;
    HASH_CLEAR(hh, p->thread_table);
    arena_free(p->thread_entries);
    for (size_t i = 0; i < p->stream_count; i++) {
        free(p->streams[i].nodes);
        free(p->streams[i].begins);
    }
    free(p->streams);
    free(p->site_of_stack);
    live_map_free(p->live);
    live_map_free(p->pool);
    free(p);
    modules_free(r->modules);
    stack_tree_free(r->stacks);
    free(r->sites);
    free(r->site_estimates);
    free(r->threads);
    free(r->thread_estimates);
    free(r);
}

/* --- streams and threads ---------------------------------------------------------------------------- */

static uint32_t thread_find(struct replay *r, uint64_t serial)
{
    struct replay_private *p = r->private;
    struct thread_entry *entry;

    HASH_FIND(hh, p->thread_table, &serial, sizeof(serial), entry);
    if (entry) return entry->thread;
    entry = arena_allocate(p->thread_entries, sizeof(*entry));
    entry->serial = serial;
    entry->thread = (uint32_t)r->thread_count;
    HASH_ADD(hh, p->thread_table, serial, sizeof(serial), entry);
    r->threads = memory_grow(r->threads, &p->thread_capacity, r->thread_count, sizeof(*r->threads));
    estimates_grow(r, &r->thread_estimates, &p->thread_estimate_capacity, r->thread_count);
    r->threads[r->thread_count++] = (struct replay_thread){.serial = serial};
    return entry->thread;
}

static struct replay_stream *stream_of(struct replay *r, const struct event *e)
{
    struct replay_private *p = r->private;
    struct replay_stream *s;

    if (e->stream >= p->stream_count) {
        size_t count = (size_t)e->stream + e->stream / 2 + 8;
        p->streams = memory_resize(p->streams, count, sizeof(*p->streams));
        memset(p->streams + p->stream_count, 0, (count - p->stream_count) * sizeof(*p->streams));
        p->stream_count = count;
    }
    s = &p->streams[e->stream];
    if (e->thread && e->thread != s->serial) {
        s->serial = e->thread;
        s->thread = thread_find(r, e->thread);
    }
    return s;
}

/* --- stacks ----------------------------------------------------------------------------------------- */

static uint32_t frame_of(struct replay *r, uint64_t address)
{
    struct replay_private *p = r->private;
    struct cached_frame *cached = &p->frames[(address * TRACE_GOLDEN_RATIO) >> 52];

    if (!cached->filled || cached->address != address || cached->module_changes != p->module_changes) {
        uint64_t link_address;
        uint32_t module = modules_find(r->modules, address, &link_address);
        *cached = (struct cached_frame){
            .address = address,
            .module_changes = p->module_changes,
            .frame = stack_tree_frame(r->stacks, module, link_address),
            .filled = true,
        };
    }
    return cached->frame;
}

/* The node of E's stack. Only frames that are not as in the stream's event before are interned, and of the
 * others none when a module has come or gone at an address that is in use again. */
static uint32_t stack_of(struct replay *r, struct replay_stream *s, const struct event *e)
{
    bool same_modules = s->module_changes == r->private->module_changes;
    size_t kept = same_modules ? e->kept : 0;
    uint32_t node;

    struct known_stack *known = &s->known[e->stack_token % KNOWN_STACKS];
    if (!same_modules) memset(s->known, 0, sizeof(s->known));
    if (known->token == e->stack_token) {
        s->last_token = e->stack_token;
        return known->leaf;
    }
    if (s->token != s->last_token) kept = 0; /* what E keeps frames of is not what was interned last */
    if (kept > s->depth) kept = s->depth;
    if (e->depth > s->node_capacity) {
        s->node_capacity = e->depth + e->depth / 2 + 16;
        s->nodes = memory_resize(s->nodes, s->node_capacity, sizeof(*s->nodes));
    }
    node = kept ? s->nodes[kept - 1] : e->truncated ? STACK_ROOT_TRUNCATED : STACK_ROOT;
    for (size_t i = kept; i < e->depth; i++)
        s->nodes[i] = node = stack_tree_intern(r->stacks, node, frame_of(r, e->stack[e->depth - 1 - i]));
    s->depth = e->depth;
    s->leaf = node;
    s->token = s->last_token = e->stack_token;
    *known = (struct known_stack){.token = e->stack_token, .leaf = node};
    s->module_changes = r->private->module_changes;
    return node;
}

/* --- sites ------------------------------------------------------------------------------------------ */

static uint32_t *site_slot(struct replay *r, uint32_t stack)
{
    struct replay_private *p = r->private;

    if (stack >= p->site_of_stack_count) {
        size_t count = (size_t)stack + stack / 2 + 64;
        p->site_of_stack = memory_resize(p->site_of_stack, count, sizeof(*p->site_of_stack));
        memset(p->site_of_stack + p->site_of_stack_count, 0,
               (count - p->site_of_stack_count) * sizeof(*p->site_of_stack));
        p->site_of_stack_count = count;
    }
    return &p->site_of_stack[stack];
}

static uint32_t site_add(struct replay *r, uint32_t stack, bool pool, uint32_t other)
{
    r->sites = memory_grow(r->sites, &r->private->site_capacity, r->site_count, sizeof(*r->sites));
    estimates_grow(r, &r->site_estimates, &r->private->site_estimate_capacity, r->site_count);
    r->sites[r->site_count] = (struct site){.stack = stack, .pool = pool, .other = other};
    return (uint32_t)r->site_count++;
}

static uint32_t site_of(struct replay *r, uint32_t stack, bool pool)
{
    uint32_t *slot = site_slot(r, stack);

    if (!*slot) {
        *slot = site_add(r, stack, pool, 0);
        r->distinct_stacks++;
    }
    if (r->sites[*slot].pool == pool) return *slot;
    if (!r->sites[*slot].other) {
        uint32_t other = site_add(r, stack, pool, *slot);
        r->sites[*slot].other = other;
    }
    return r->sites[*slot].other;
}

static struct heap_totals *totals_of(struct replay *r, bool pool)
{
    return pool ? &r->pool : &r->heap;
}

/* Before a site's live blocks change: remember what they were at the last peak. */
static void site_remember_peak(struct replay *r, uint32_t index, const struct heap_totals *totals)
{
    struct site *site = &r->sites[index];

    if (site->peak_epoch == totals->peak_epoch) return;
    site->peak_epoch = totals->peak_epoch;
    site->peak_bytes = site->live_bytes;
    site->peak_blocks = site->live_blocks;
    if (!r->rate_bytes) return;
    r->site_estimates[index].peak_bytes = r->site_estimates[index].live_bytes;
    r->site_estimates[index].peak_blocks = r->site_estimates[index].live_blocks;
}

void site_peak(const struct replay *r, const struct site *site, uint64_t *bytes, uint64_t *blocks)
{
    uint64_t epoch = site->pool ? r->pool.peak_epoch : r->heap.peak_epoch;
    bool unchanged = site->peak_epoch != epoch;

    *bytes = unchanged ? site->live_bytes : site->peak_bytes;
    *blocks = unchanged ? site->live_blocks : site->peak_blocks;
}

void site_peak_estimates(const struct replay *r, uint32_t index, struct estimate *bytes,
                         struct estimate *blocks)
{
    const struct site *site = &r->sites[index];
    const struct heap_estimates *estimates = &r->site_estimates[index];
    bool unchanged = site->peak_epoch != (site->pool ? r->pool.peak_epoch : r->heap.peak_epoch);

    *bytes = unchanged ? estimates->live_bytes : estimates->peak_bytes;
    *blocks = unchanged ? estimates->live_blocks : estimates->peak_blocks;
}

uint64_t replay_end(const struct replay *r)
{
    const struct trace_exit *exit = &trace_header(r->trace)->exit;

    return exit->kind && exit->ticks > r->ticks ? exit->ticks : r->ticks;
}

static void estimates_live(struct heap_estimates *estimates, uint64_t size, struct weight weight, bool more)
{
    void (*const change)(struct estimate *, double, struct weight) = more ? estimate_add : estimate_subtract;

    change(&estimates->live_blocks, 1, weight);
    change(&estimates->live_bytes, (double)size, weight);
}

/* Live bytes are above what they ever were. (In a sampled trace: those that are estimated.) */
static bool totals_reach_peak(const struct replay *r, struct heap_totals *totals)
{
    struct heap_estimates *estimates = &totals->estimates;

    if (r->rate_bytes) {
        if (estimates->live_bytes.total <= estimates->peak_bytes.total) return false;
        estimates->peak_bytes = estimates->live_bytes;
        estimates->peak_blocks = estimates->live_blocks;
    } else if (totals->live_bytes <= totals->peak_bytes) {
        return false;
    }
    return true;
}

static void live_add(struct replay *r, const struct live_block *block, bool pool)
{
    struct heap_totals *totals = totals_of(r, pool);
    struct site *site = &r->sites[block->site];

    site_remember_peak(r, block->site, totals);
    site->live_blocks++;
    site->live_bytes += block->size;
    totals->live_blocks++;
    totals->live_bytes += block->size;
    if (r->rate_bytes) {
        struct weight weight = weight_of(block->size, r->rate_bytes);
        estimates_live(&r->site_estimates[block->site], block->size, weight, true);
        estimates_live(&totals->estimates, block->size, weight, true);
    }
    if (!totals_reach_peak(r, totals)) return;
    totals->peak_bytes = totals->live_bytes;
    totals->peak_blocks = totals->live_blocks;
    totals->peak_ticks = r->ticks;
    totals->peak_epoch++; /* all sites are now as at the peak, this one included */
}

static void live_subtract(struct replay *r, const struct live_block *block, bool pool)
{
    struct heap_totals *totals = totals_of(r, pool);
    struct site *site = &r->sites[block->site];

    site_remember_peak(r, block->site, totals);
    site->live_blocks--;
    site->live_bytes -= block->size;
    totals->live_blocks--;
    totals->live_bytes -= block->size;
    if (r->rate_bytes) {
        struct weight weight = weight_of(block->size, r->rate_bytes);
        estimates_live(&r->site_estimates[block->site], block->size, weight, false);
        estimates_live(&totals->estimates, block->size, weight, false);
    }
}

/* --- estimates -------------------------------------------------------------------------------------- */

static void estimates_allocated(struct heap_estimates *estimates, const struct event *e, struct weight weight)
{
    estimate_add(&estimates->allocations, 1, weight);
    estimate_add(&estimates->allocated_bytes, (double)e->size, weight);
    if (e->realloc_of_block) estimate_add(&estimates->reallocations, 1, weight);
    if (e->truncated) estimate_add(&estimates->truncated_stacks, 1, weight);
    if (e->size < estimates->least_bytes) estimates->least_bytes = e->size;
}

static void count_allocation(struct replay *r, const struct event *e, const struct replay_step *step)
{
    struct weight weight;

    if (!r->rate_bytes) return;
    weight = weight_of(e->size, r->rate_bytes);
    estimates_allocated(&totals_of(r, e->pool)->estimates, e, weight);
    estimates_allocated(&r->site_estimates[step->site], e, weight);
    if (!e->pool && step->thread != THREAD_NONE)
        estimates_allocated(&r->thread_estimates[step->thread], e, weight);
}

/* A free, or one that is taken back. */
static void count_free(struct replay *r, const struct replay_step *step, bool more)
{
    void (*const change)(struct estimate *, double, struct weight) = more ? estimate_add : estimate_subtract;
    struct weight weight;

    if (!r->rate_bytes) return;
    weight = weight_of(step->size, r->rate_bytes);
    change(&totals_of(r, step->pool)->estimates.frees, 1, weight);
    if (!step->pool && step->thread != THREAD_NONE)
        change(&r->thread_estimates[step->thread].frees, 1, weight);
}

/* A failed call, recorded because SIZE was chosen. */
static void count_failure(struct replay *r, const struct replay_step *step, uint64_t size)
{
    struct weight weight;

    if (!r->rate_bytes) return;
    weight = weight_of(size, r->rate_bytes);
    estimate_add(&r->heap.estimates.failed, 1, weight);
    estimate_add(&r->site_estimates[step->site].failed, 1, weight);
}

/* --- what events do --------------------------------------------------------------------------------- */

static struct live_map *live_map_of(struct replay *r, bool pool)
{
    return pool ? r->private->pool : r->private->live;
}

/* Put BLOCK into the map and the totals. A block that is live at its address lost its free: it goes first,
 * so that the peak never counts both. */
static void block_insert(struct replay *r, const struct live_block *block, bool pool,
                         struct replay_step *step)
{
    struct live_block before;

    step->displaced = live_map_insert(live_map_of(r, pool), block, &before);
    if (step->displaced) {
        step->displaced_site = before.site;
        step->displaced_size = before.size;
        totals_of(r, pool)->displaced++;
        live_subtract(r, &before, pool);
    }
    live_add(r, block, pool);
}

static void apply_allocation(struct replay *r, struct replay_stream *s, const struct event *e,
                             struct replay_step *step)
{
    struct replay_private *p = r->private;
    struct heap_totals *totals = totals_of(r, e->pool);
    uint32_t stack = stack_of(r, s, e);
    struct live_block block = {.address = e->block, .size = e->size};
    struct site *site;

    if (e->realloc_of_block && s->begin_count) s->begin_count--;
    block.site = site_of(r, stack, e->pool);
    site = &r->sites[block.site];
    step->effect = EFFECT_ALLOCATED;
    step->pool = e->pool;
    step->site = block.site;
    step->size = block.size;
    block_insert(r, &block, e->pool, step);
    site->allocations++;
    site->allocated_bytes += block.size;
    totals->allocations++;
    totals->allocated_bytes += block.size;
    totals->reallocations += e->realloc_of_block;
    r->truncated_stacks += e->truncated;
    count_allocation(r, e, step);
    if (e->pool) return;
    p->heap_events++;
    p->last_block = e->block;
    p->last_allocated = true;
    if (step->thread == THREAD_NONE) return;
    r->threads[step->thread].allocations++;
    r->threads[step->thread].allocated_bytes += block.size;
}

static uint64_t *unknown_counter(struct replay *r, struct heap_totals *totals)
{
    if (r->rate_bytes) return &r->private->ignored;
    if (trace_header(r->trace)->flags & TRACE_FLAG_FORK_CHILD) return &totals->frees_inherited;
    return r->marks.stopped_once ? &totals->frees_unrecorded : &totals->frees_unknown;
}

static void apply_free(struct replay *r, const struct event *e, struct replay_step *step,
                       struct open_begin *begin)
{
    struct replay_private *p = r->private;
    struct heap_totals *totals = totals_of(r, e->pool);
    struct live_block block;

    step->pool = e->pool;
    step->temporary = !r->rate_bytes && !e->pool && p->last_allocated && p->last_block == e->block;
    if (!e->pool) {
        p->last_allocated = false;
        p->heap_events++;
    }
    *begin = (struct open_begin){.heap_events = p->heap_events};
    if (!live_map_remove(live_map_of(r, e->pool), e->block, &block)) {
        begin->unknown = unknown_counter(r, totals);
        ++*begin->unknown;
        step->temporary = false;
        return;
    }
    begin->block = block;
    begin->temporary = step->temporary;
    step->effect = EFFECT_FREED;
    step->site = block.site;
    step->size = block.size;
    live_subtract(r, &block, e->pool);
    totals->frees++;
    totals->temporary += step->temporary;
    r->sites[block.site].temporary += step->temporary;
    count_free(r, step, true);
    if (!e->pool && step->thread != THREAD_NONE) r->threads[step->thread].frees++;
}

static void apply_realloc_begin(struct replay *r, struct replay_stream *s, const struct event *e,
                                struct replay_step *step)
{
    struct open_begin begin;

    apply_free(r, e, step, &begin);
    if (s->begin_count == OPEN_BEGINS)
        memmove(s->begins, s->begins + 1, --s->begin_count * sizeof(*s->begins));
    s->begins = memory_grow(s->begins, &s->begin_capacity, s->begin_count, sizeof(*s->begins));
    s->begins[s->begin_count++] = begin;
}

/* The failed realloc's begin is taken back: no free was, and the block is live. */
static void restore_block(struct replay *r, const struct open_begin *begin, struct replay_step *step)
{
    struct replay_private *p = r->private;

    if (begin->heap_events == p->heap_events && begin->temporary) {
        p->last_block = begin->block.address;
        p->last_allocated = true;
    }
    if (begin->unknown) {
        --*begin->unknown;
        return;
    }
    step->effect = EFFECT_RESTORED;
    step->site = begin->block.site;
    step->size = begin->block.size;
    step->temporary = begin->temporary;
    block_insert(r, &begin->block, false, step);
    count_free(r, step, false);
    r->heap.frees--;
    r->heap.temporary -= begin->temporary;
    r->sites[begin->block.site].temporary -= begin->temporary;
    if (step->thread != THREAD_NONE && r->threads[step->thread].frees) r->threads[step->thread].frees--;
}

static void apply_failure(struct replay *r, struct replay_stream *s, const struct event *e,
                          struct replay_step *step)
{
    uint32_t stack = stack_of(r, s, e); /* in any case: the stream's nodes follow every stack */
    bool closes = e->kind == EVENT_REALLOC_END && s->begin_count > 0;

    if (closes) s->begin_count--;
    if (e->kind == EVENT_REALLOC_END && e->outcome == TRACE_REALLOC_FREED) return; /* it was a free */
    /* Of a sampled trace's failed reallocs those count whose block is known: so likely is what it stands for.
     */
    if (r->rate_bytes && closes && s->begins[s->begin_count].unknown) return;
    step->effect = EFFECT_FAILED;
    step->site = site_of(r, stack, false);
    count_failure(r, step, closes ? s->begins[s->begin_count].block.size : e->size);
    r->sites[step->site].failed++;
    r->heap.failed++;
    if (closes) restore_block(r, &s->begins[s->begin_count], step);
}

static void apply_thread_start(struct replay *r, struct replay_stream *s, const struct event *e)
{
    s->begin_count = 0; /* what the stream's thread before left open is abandoned */
    if (e->thread) r->threads[s->thread].tid = e->tid;
}

void replay_apply(struct replay *r, const struct event *e, struct replay_step *step)
{
    struct replay_stream *s = stream_of(r, e);
    struct open_begin ignored;

    r->events++;
    r->ticks = e->ticks;
    r->private->module_changes = modules_advance(r->modules, e->ticks);
    *step = (struct replay_step){.thread = e->thread ? s->thread : THREAD_NONE};
    switch (e->kind) {
    case EVENT_ALLOCATION:
        apply_allocation(r, s, e, step);
        break;
    case EVENT_FREE:
        apply_free(r, e, step, &ignored);
        break;
    case EVENT_REALLOC_BEGIN:
        apply_realloc_begin(r, s, e, step);
        break;
    case EVENT_REALLOC_END:
    case EVENT_FAILED:
        apply_failure(r, s, e, step);
        break;
    case EVENT_THREAD_START:
        apply_thread_start(r, s, e);
        break;
    case EVENT_MARK:
        step->baseline = marks_apply(&r->marks, e);
        break;
    default:
        break;
    }
}
