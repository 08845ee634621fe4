#include "replay/modules.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "replay/stack_tree.h"
#include "util/hash_table.h"
#include "util/memory.h"

/* All records' bounds, sorted, cut the addresses into segments, and a segment tree says which record was
 * painted over a segment last. First all records are painted in descending order of their ticks, which
 * leaves the earliest on top everywhere; then, as time goes on, each one when its ticks come. So both a paint
 * and a look-up are logarithmic, however many records overlap. */
struct modules {
    const struct module_record *records; /* in ascending order of ticks */
    size_t record_count, next;
    uint32_t *identity; /* of each record: index of `modules` */
    struct module *modules;
    size_t module_count, module_capacity;
    uint64_t *bounds;
    size_t bound_count;
    uint32_t *paints; /* segment tree: number of the last paint of a node; 0: none */
    uint32_t changes;
};

struct identity_entry {
    uint32_t module;
    char *text; /* build-id and path */
    UT_hash_handle hh;
};

/* --- identity --------------------------------------------------------------------------------------- */

static char *identity_text(struct arena *arena, const struct module_record *record, size_t *length)
{
    char *text = arena_allocate(arena, record->build_id_bytes + record->path_length + 1);

    memcpy(text, record->build_id, record->build_id_bytes);
    memcpy(text + record->build_id_bytes + 1, record->path, record->path_length);
    *length = record->build_id_bytes + record->path_length + 1;
    return text;
}

static uint32_t module_add(struct modules *m, const struct module_record *record)
{
    m->modules = memory_grow(m->modules, &m->module_capacity, m->module_count, sizeof(*m->modules));
    m->modules[m->module_count] = (struct module){
        .path = record->path,
        .path_length = record->path_length,
        .build_id = record->build_id,
        .build_id_bytes = record->build_id_bytes,
        .bias = record->bias,
    };
    return (uint32_t)m->module_count++;
}

static void find_identities(struct modules *m)
{
    struct identity_entry *table = NULL, *entry;
    struct arena *arena = arena_new();

    m->identity = memory_new(m->record_count, sizeof(*m->identity));
    for (size_t i = 0; i < m->record_count; i++) {
        size_t length;
        char *text = identity_text(arena, &m->records[i], &length);
        HASH_FIND(hh, table, text, length, entry);
        if (!entry) {
            entry = arena_allocate(arena, sizeof(*entry));
            *entry = (struct identity_entry){.module = module_add(m, &m->records[i]), .text = text};
            HASH_ADD_KEYPTR(hh, table, entry->text, length, entry);
        }
        m->identity[i] = entry->module;
    }
    HASH_CLEAR(hh, table);
    arena_free(arena);
}

/* --- segments --------------------------------------------------------------------------------------- */

static int compare_bounds(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static void find_bounds(struct modules *m)
{
    size_t unique = 0;

    m->bounds = memory_new(m->record_count * 2, sizeof(*m->bounds));
    for (size_t i = 0; i < m->record_count; i++) {
        m->bounds[2 * i] = m->records[i].start;
        m->bounds[2 * i + 1] = m->records[i].end;
    }
    if (m->record_count) qsort(m->bounds, m->record_count * 2, sizeof(*m->bounds), compare_bounds);
    for (size_t i = 0; i < m->record_count * 2; i++)
        if (unique == 0 || m->bounds[i] != m->bounds[unique - 1]) m->bounds[unique++] = m->bounds[i];
    m->bound_count = unique;
    m->paints = memory_new(unique * 2, sizeof(*m->paints));
}

/* The segment that begins at the last bound not above ADDRESS; bound_count: it lies in front of all. */
static size_t segment_of(const struct modules *m, uint64_t address)
{
    size_t low = 0, high = m->bound_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->bounds[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : m->bound_count;
}

/* Paints are numbered in the order they are made, from 1: the backward ones, then the forward ones. */
static const struct module_record *painted_record(const struct modules *m, uint32_t paint, size_t *index)
{
    *index = paint <= m->record_count ? m->record_count - paint : paint - m->record_count - 1;
    return &m->records[*index];
}

static void paint(struct modules *m, size_t record, uint32_t number)
{
    const struct module_record *r = &m->records[record];
    size_t left, right;

    if (r->start >= r->end) return;
    left = segment_of(m, r->start) + m->bound_count;
    right = segment_of(m, r->end) + m->bound_count;
    for (; left < right; left >>= 1, right >>= 1) {
        if (left & 1) m->paints[left++] = number;
        if (right & 1) m->paints[--right] = number;
    }
}

static uint32_t last_paint(const struct modules *m, size_t segment)
{
    uint32_t last = 0;

    for (size_t node = segment + m->bound_count; node >= 1; node >>= 1)
        if (m->paints[node] > last) last = m->paints[node];
    return last;
}

/* Would painting RECORD leave every address where it is? Mostly it would: libraries that stay are on top of
 * their range from the start. "No" when that takes long to say is right, too. */
static bool paint_changes_nothing(const struct modules *m, size_t record)
{
    const struct module_record *r = &m->records[record];
    size_t left, right;

    if (r->start >= r->end) return true;
    left = segment_of(m, r->start);
    right = segment_of(m, r->end);
    if (right - left > 64) return false;
    for (; left < right; left++) {
        size_t other;
        uint32_t last = last_paint(m, left);
        if (!last || painted_record(m, last, &other)->bias != r->bias ||
            m->identity[other] != m->identity[record])
            return false;
    }
    return true;
}

/* --- the doors -------------------------------------------------------------------------------------- */

struct modules *modules_new(struct trace *trace)
{
    struct modules *m = memory_new(1, sizeof(*m));

    m->record_count = trace_modules(trace, &m->records);
    if (m->record_count > UINT32_MAX / 4) m->record_count = UINT32_MAX / 4; /* paints have 32 bits */
    find_identities(m);
    find_bounds(m);
    for (size_t i = m->record_count; i-- > 0;)
        paint(m, i, (uint32_t)(m->record_count - i));
    return m;
}

void modules_free(struct modules *m)
{
    if (!m) return;
    free(m->identity);
    free(m->modules);
    free(m->bounds);
    free(m->paints);
    free(m);
}

uint32_t modules_advance(struct modules *m, uint64_t ticks)
{
    for (; m->next < m->record_count && m->records[m->next].ticks <= ticks; m->next++) {
        if (!paint_changes_nothing(m, m->next)) m->changes++;
        paint(m, m->next, (uint32_t)(m->record_count + m->next + 1));
    }
    return m->changes;
}

uint32_t modules_find(const struct modules *m, uint64_t address, uint64_t *link_address)
{
    size_t segment = segment_of(m, address);
    uint32_t last = segment < m->bound_count ? last_paint(m, segment) : 0;
    const struct module_record *record;
    size_t index;

    *link_address = address;
    if (!last) return STACK_NO_MODULE;
    record = painted_record(m, last, &index);
    *link_address = address - record->bias;
    return m->identity[index];
}

size_t modules_count(const struct modules *m)
{
    return m->module_count;
}

const struct module *modules_get(const struct modules *m, uint32_t module)
{
    return &m->modules[module];
}
