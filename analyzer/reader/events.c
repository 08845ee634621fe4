#include "reader/events.h"

#include <stdlib.h>
#include "reader/record.h"
#include "util/memory.h"

#define USABLE_SLOTS (1u << TRACE_USABLE_CACHE_BITS)

struct address_cache {
    uint64_t previous;
    uint64_t slots[RECORD_FRAME_SLOTS]; /* of which blocks use the first RECORD_BLOCK_SLOTS */
};

struct usable_slot {
    bool filled;
    uint64_t class, usable;
};

/* Tokens are unique over all decoders: a stream may be decoded again, by another one. */
static uint64_t last_token;

/* A stack that a reference may name. */
struct remembered_stack {
    uint64_t *frames; /* innermost first */
    size_t capacity, depth;
    uint64_t token; /* 0: none since the reset */
};

struct decoder {
    struct cursor cursor;
    uint64_t ticks;
    uint64_t thread;
    bool outside; /* no record belongs to a thread */
    struct address_cache blocks, frames;
    struct usable_slot usable[USABLE_SLOTS];
    /* The previous stack lies at the end of its array, innermost frame first, so that inner frames come
     * and go without moving the others and events can point at it as it is. */
    uint64_t *stack;
    size_t capacity, depth;
    bool truncated;
    size_t kept;    /* outermost frames unchanged since the last event with a stack was handed out */
    uint64_t token; /* of the previous stack */
    bool references;
    struct remembered_stack remembered[TRACE_REMEMBERED_STACKS];
    uint64_t remembered_count; /* since the reset */
};

struct decoder *decoder_new(void)
{
    struct decoder *d = memory_new(1, sizeof(*d));

    d->capacity = 64;
    d->stack = memory_new(d->capacity, sizeof(*d->stack));
    return d;
}

void decoder_free(struct decoder *d)
{
    if (!d) return;
    for (size_t i = 0; i < TRACE_REMEMBERED_STACKS; i++)
        free(d->remembered[i].frames);
    free(d->stack);
    free(d);
}

static void decoder_reset(struct decoder *d, uint64_t ticks, uint64_t thread)
{
    d->ticks = ticks;
    d->thread = thread;
    memset(&d->blocks, 0, sizeof(d->blocks));
    memset(&d->frames, 0, sizeof(d->frames));
    memset(d->usable, 0, sizeof(d->usable));
    d->depth = 0;
    d->truncated = false;
    d->kept = 0;
    d->token = ++last_token;
    d->remembered_count = 0;
    for (size_t i = 0; i < TRACE_REMEMBERED_STACKS; i++)
        d->remembered[i].token = 0;
}

void decoder_begin(struct decoder *d, const uint8_t *at, const uint8_t *end, uint64_t ticks, uint64_t thread,
                   bool outside, bool references)
{
    d->references = references;
    d->outside = outside;
    d->cursor = (struct cursor){.at = at, .end = end};
    decoder_reset(d, ticks, thread);
}

const uint8_t *decoder_position(const struct decoder *d)
{
    return d->cursor.at;
}

void decoder_forget_kept(struct decoder *d)
{
    d->kept = 0;
}

/* --- address codes ---------------------------------------------------------------------------------- */

static uint64_t block_address(struct address_cache *cache, struct address_code code)
{
    uint64_t address;

    if (code.code < RECORD_BLOCK_SLOTS) {
        address = cache->slots[code.code];
    } else {
        uint64_t difference = (uint64_t)trace_unzigzag(code.code - RECORD_BLOCK_SLOTS);
        address = code.code == RECORD_BLOCK_SLOTS
                      ? code.escaped
                      : ((cache->previous >> TRACE_BLOCK_CACHE_SHIFT) + difference)
                            << TRACE_BLOCK_CACHE_SHIFT;
        cache->slots[trace_cache_slot(address, TRACE_BLOCK_CACHE_SHIFT, TRACE_BLOCK_CACHE_BITS)] = address;
    }
    cache->previous = address;
    return address;
}

static uint64_t frame_address(struct address_cache *cache, struct address_code code)
{
    uint64_t address;

    if (code.code < RECORD_FRAME_SLOTS) {
        address = cache->slots[code.code];
    } else {
        address = code.code == RECORD_FRAME_SLOTS
                      ? code.escaped
                      : cache->previous + (uint64_t)trace_unzigzag(code.code - RECORD_FRAME_SLOTS);
        cache->slots[trace_cache_slot(address, TRACE_FRAME_CACHE_SHIFT, TRACE_FRAME_CACHE_BITS)] = address;
    }
    cache->previous = address;
    return address;
}

/* --- the previous stack ----------------------------------------------------------------------------- */

static uint64_t *stack_innermost(const struct decoder *d)
{
    return d->stack + (d->capacity - d->depth);
}

/* Room for COUNT frames in all; the frames there keep their place at the array's end. */
static void stack_reserve(struct decoder *d, size_t count)
{
    size_t capacity = d->capacity;
    uint64_t *grown;

    if (count <= d->capacity) return;
    while (capacity < count)
        capacity *= 2;
    grown = memory_new(capacity, sizeof(*grown));
    memcpy(grown + capacity - d->depth, stack_innermost(d), d->depth * sizeof(*grown));
    free(d->stack);
    d->stack = grown;
    d->capacity = capacity;
}

/* What remains of the inner end moves towards or away from the outer end; then the new outermost frames
 * are read, from the inner end outwards. */
static void stack_change_outer(struct decoder *d, struct cursor *c, const struct stack_delta *delta)
{
    size_t remaining = d->depth - delta->outer_dropped;
    size_t depth = remaining + delta->outer_added;
    uint64_t *innermost = stack_innermost(d);

    memmove(d->stack + d->capacity - depth, innermost, remaining * sizeof(*innermost));
    d->depth = depth;
    innermost = stack_innermost(d);
    for (size_t i = remaining; i < depth; i++)
        innermost[i] = frame_address(&d->frames, record_address_code(c, RECORD_FRAME_SLOTS));
    d->truncated = delta->truncated;
    d->kept = 0;
}

/* Keep the previous stack for references. */
static void stack_remember(struct decoder *d)
{
    struct remembered_stack *to = &d->remembered[d->remembered_count++ % TRACE_REMEMBERED_STACKS];

    if (to->capacity < d->depth) {
        to->capacity = d->depth + 16;
        to->frames = memory_resize(to->frames, to->capacity, sizeof(*to->frames));
    }
    if (d->depth) memcpy(to->frames, stack_innermost(d), d->depth * sizeof(*to->frames));
    to->depth = d->depth;
    to->token = d->token;
}

static void stack_apply_reference(struct decoder *d, struct cursor *c, uint32_t number)
{
    const struct remembered_stack *from = &d->remembered[number];
    size_t shorter = from->depth < d->depth ? from->depth : d->depth, same = 0;
    const uint64_t *outer_end = d->stack + d->capacity;

    if (from->token == 0) {
        cursor_fail(c);
        return;
    }
    while (same < shorter && from->frames[from->depth - 1 - same] == outer_end[-1 - (ptrdiff_t)same])
        same++;
    if (d->truncated) same = 0;
    if (d->kept > same) d->kept = same;
    stack_reserve(d, from->depth > d->depth ? from->depth : d->depth);
    d->depth = from->depth;
    if (d->depth) memcpy(stack_innermost(d), from->frames, d->depth * sizeof(*from->frames));
    d->truncated = false;
    d->token = from->token;
}

static void stack_apply(struct decoder *d, struct cursor *c)
{
    struct stack_delta delta;
    size_t depth = record_parse_stack(c, d->references, d->depth, &delta);

    if (c->bad) return;
    if (delta.reference) {
        stack_apply_reference(d, c, delta.number);
        return;
    }
    stack_reserve(d, depth > d->depth ? depth : d->depth);
    d->depth -= delta.dropped;
    if (d->kept > d->depth) d->kept = d->depth;
    if (delta.outer_change) stack_change_outer(d, c, &delta);
    for (uint64_t i = 0; i < delta.added; i++) {
        uint64_t address = frame_address(&d->frames, record_address_code(c, RECORD_FRAME_SLOTS));
        d->depth++;
        *stack_innermost(d) = address;
    }
    d->token = ++last_token;
    if (d->references && !d->truncated && !c->bad) stack_remember(d);
}

static void event_take_stack(struct decoder *d, struct cursor *c, const struct record *r, struct event *e)
{
    if (r->flags & TRACE_STACK) stack_apply(d, c);
    e->stack = d->depth ? stack_innermost(d) : NULL;
    e->depth = d->depth;
    e->truncated = d->truncated;
    e->kept = d->kept;
    e->stack_token = d->token;
    d->kept = d->depth;
}

/* --- usable sizes ----------------------------------------------------------------------------------- */

static void event_take_usable(struct decoder *d, const struct record *r, struct event *e)
{
    /* Version 1 has no references, and each size is a class of its own. */
    uint64_t class = d->references
                         ? (r->size + (1u << TRACE_USABLE_CLASS_SHIFT) - 1) >> TRACE_USABLE_CLASS_SHIFT
                         : r->size;
    struct usable_slot *slot =
        &d->usable[d->references ? class % USABLE_SLOTS
                                 : trace_cache_slot(class, 0, TRACE_USABLE_CACHE_BITS)];

    if (r->flags & TRACE_USABLE) {
        uint64_t difference = (uint64_t)trace_unzigzag(r->usable_difference);
        *slot = (struct usable_slot){.filled = true, .class = class, .usable = r->size + difference};
    }
    e->usable_known = slot->filled && slot->class == class;
    e->usable = e->usable_known ? slot->usable : 0;
}

/* --- records ---------------------------------------------------------------------------------------- */

static uint32_t record_entry(const struct record *r)
{
    switch (r->operation) {
    case TRACE_MALLOC:
        return TRACE_ENTRY_MALLOC;
    case TRACE_CALLOC:
        return TRACE_ENTRY_CALLOC;
    case TRACE_REALLOC:
    case TRACE_REALLOC_NULL:
        return TRACE_ENTRY_REALLOC;
    case TRACE_REALLOCARRAY:
    case TRACE_REALLOCARRAY_NULL:
        return TRACE_ENTRY_REALLOCARRAY;
    default:
        return r->entry;
    }
}

static void event_from_allocation(struct decoder *d, struct cursor *c, const struct record *r,
                                  struct event *e)
{
    e->kind = EVENT_ALLOCATION;
    e->entry = record_entry(r);
    e->alignment = r->operation == TRACE_ALIGNED ? (uint64_t)1 << r->log2_alignment : 1;
    e->pool = r->operation == TRACE_MALLOC && r->flags & TRACE_POOL;
    e->realloc_of_block = r->operation == TRACE_REALLOC || r->operation == TRACE_REALLOCARRAY;
    e->block = block_address(&d->blocks, r->block);
    e->size = r->size;
    event_take_usable(d, r, e);
    event_take_stack(d, c, r, e);
}

static void event_from_block(struct decoder *d, const struct record *r, struct event *e)
{
    e->kind = r->operation == TRACE_FREE ? EVENT_FREE : EVENT_REALLOC_BEGIN;
    e->pool = r->operation == TRACE_FREE && r->flags & TRACE_POOL;
    e->block = block_address(&d->blocks, r->block);
}

static void event_from_failure(struct decoder *d, struct cursor *c, const struct record *r, struct event *e)
{
    if (r->operation == TRACE_FAILED) {
        e->kind = EVENT_FAILED;
        e->entry = r->entry;
        e->alignment = (uint64_t)1 << r->log2_alignment;
    } else {
        e->kind = EVENT_REALLOC_END;
        e->outcome = r->outcome;
    }
    e->size = r->size;
    event_take_stack(d, c, r, e);
}

static void event_from_extension(struct decoder *d, struct cursor *c, const struct record *r, struct event *e)
{
    uint64_t ticks = d->ticks;

    if (!extension_parse(r->extension_type, r->payload, r->extension_bytes, e, &ticks)) {
        cursor_fail(c);
        return;
    }
    if (ticks > d->ticks) d->ticks = ticks;
    if (e->kind == EVENT_THREAD_START) decoder_reset(d, d->ticks, d->outside ? 0 : e->serial);
}

bool decoder_next(struct decoder *d, struct event *e)
{
    struct cursor *c = &d->cursor;
    struct record r;

    if (c->at >= c->end || *c->at == 0) return false;
    record_parse(c, &r);
    if (c->bad) return false;
    if (r.operation == TRACE_EXTENSION) {
        event_from_extension(d, c, &r, e);
    } else {
        d->ticks = record_time(&r, d->ticks);
        if (record_allocates(&r))
            event_from_allocation(d, c, &r, e);
        else if (!record_has_stack(&r))
            event_from_block(d, &r, e);
        else
            event_from_failure(d, c, &r, e);
    }
    e->ticks = d->ticks;
    e->thread = d->thread;
    return !c->bad;
}

bool decoder_peek(const struct decoder *d, uint64_t *ticks)
{
    struct cursor c = d->cursor; /* a copy: nothing is taken */
    struct record r = {0};
    struct event e;
    uint8_t first;

    if (c.at >= c.end || (first = *c.at) == 0) return false;
    *ticks = d->ticks;
    if ((first & TRACE_OPERATION_MASK) == TRACE_EXTENSION) {
        uint64_t said = d->ticks;
        record_parse(&c, &r);
        if (c.bad || !extension_parse(r.extension_type, r.payload, r.extension_bytes, &e, &said))
            return false;
        if (said > *ticks) *ticks = said;
        return true;
    }
    if (first & TRACE_TIMED) {
        c.at++;
        r.time_delta = cursor_uleb128(&c);
        *ticks = record_time(&r, *ticks);
    }
    return true;
}

/* --- extensions ------------------------------------------------------------------------------------- */

static void parse_thread(struct cursor *c, uint64_t type, struct event *e, uint64_t *ticks)
{
    e->kind = type == TRACE_THREAD_START ? EVENT_THREAD_START : EVENT_THREAD_END;
    e->serial = cursor_uleb128(c);
    e->tid = cursor_uleb128(c);
    *ticks = cursor_uleb128(c);
    if (type == TRACE_THREAD_END) return;
    e->stack_low = cursor_uleb128(c);
    e->stack_high = cursor_uleb128(c);
    e->thread_pointer = cursor_uleb128(c);
}

static void parse_module(struct cursor *c, uint64_t type, struct event *e, uint64_t *ticks)
{
    struct module_record *m = &e->module;

    e->kind = type == TRACE_MODULE ? EVENT_MODULE : EVENT_MODULE_GONE;
    *m = (struct module_record){.ticks = cursor_uleb128(c)};
    *ticks = m->ticks;
    m->generation = cursor_uleb128(c);
    m->start = cursor_uleb128(c);
    if (type == TRACE_MODULE_GONE) return;
    m->end = cursor_uleb128(c);
    m->bias = cursor_uleb128(c);
    m->build_id_bytes = cursor_uleb128(c);
    m->build_id = cursor_bytes(c, m->build_id_bytes);
    m->path = (const char *)c->at;
    m->path_length = (size_t)(c->end - c->at);
}

static void parse_sample(struct cursor *c, struct event *e, uint64_t *ticks)
{
    struct sample_record *s = &e->sample;

    e->kind = EVENT_SAMPLE;
    *ticks = cursor_uleb128(c);
    s->monotonic_ns = cursor_uleb128(c);
    s->reason = cursor_uleb128(c);
    s->rss_bytes = cursor_uleb128(c);
    s->peak_rss_bytes = cursor_uleb128(c);
    s->pss_bytes = cursor_uleb128(c);
    s->uss_bytes = cursor_uleb128(c);
    s->recorder_bytes = cursor_uleb128(c);
}

static void parse_lane_entry(struct cursor *c, struct event *e, uint64_t *ticks)
{
    e->kind = EVENT_LANE_ENTRY;
    *ticks = cursor_uleb128(c);
    e->chunk = cursor_uleb128(c);
    e->committed = cursor_uleb128(c);
}

static void parse_fork(struct cursor *c, struct event *e, uint64_t *ticks)
{
    e->kind = EVENT_FORK;
    *ticks = cursor_uleb128(c);
    e->pid = cursor_uleb128(c);
}

static void parse_mark(struct cursor *c, struct event *e, uint64_t *ticks)
{
    e->kind = EVENT_MARK;
    *ticks = cursor_uleb128(c);
    e->mark_kind = cursor_uleb128(c);
    e->text = (const char *)c->at;
    e->text_length = (size_t)(c->end - c->at);
}

bool extension_parse(uint64_t type, const uint8_t *payload, uint64_t bytes, struct event *e, uint64_t *ticks)
{
    struct cursor c = {.at = payload, .end = payload + bytes};

    switch (type) {
    case TRACE_THREAD_START:
    case TRACE_THREAD_END:
        parse_thread(&c, type, e, ticks);
        break;
    case TRACE_MODULE:
    case TRACE_MODULE_GONE:
        parse_module(&c, type, e, ticks);
        break;
    case TRACE_SAMPLE:
        parse_sample(&c, e, ticks);
        break;
    case TRACE_MARK:
        parse_mark(&c, e, ticks);
        break;
    case TRACE_TIME:
        e->kind = EVENT_TIME;
        *ticks = cursor_uleb128(&c);
        break;
    case TRACE_LANE_ENTRY:
        parse_lane_entry(&c, e, ticks);
        break;
    case TRACE_FORK:
        parse_fork(&c, e, ticks);
        break;
    default:
        e->kind = EVENT_UNKNOWN;
        e->extension_type = type;
        e->extension_bytes = bytes;
    }
    return !c.bad;
}
