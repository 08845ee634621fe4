#include "reader/heap_model.h"

#include <stdlib.h>
#include <string.h>
#include "memtrace/trace_format.h"
#include "util/memory.h"

#define TABLE_BITS_LEAST 12u

void heap_model_reset(struct heap_model *m)
{
    if (!m->table) {
        m->table_bits = TABLE_BITS_LEAST;
        m->table = memory_new((size_t)1 << m->table_bits, sizeof(*m->table));
    }
    memset(m->table, 0, sizeof(*m->table) << m->table_bits);
    memset(m->lists, 0, sizeof(m->lists));
    memset(m->ends, 0, sizeof(m->ends));
    memset(m->freed, 0, sizeof(m->freed));
    m->count = m->addresses = m->freed_block = m->age = 0;
    m->stride = 0;
}

void heap_model_free(struct heap_model *m)
{
    free(m->blocks);
    free(m->table);
    *m = (struct heap_model){0};
}

/* --- blocks by address -------------------------------------------------------------------------------- */

/* The place of ADDRESS in the table, or the free one where it belongs. */
static uint32_t *table_place(const struct heap_model *m, uint64_t address)
{
    uint32_t mask = (1u << m->table_bits) - 1, at = trace_cache_slot(address, 4, m->table_bits);

    while (m->table[at] && m->blocks[m->table[at]].address != address)
        at = (at + 1) & mask;
    return &m->table[at];
}

uint32_t heap_find(const struct heap_model *m, uint64_t address)
{
    return m->count ? *table_place(m, address) : 0;
}

static void table_grow(struct heap_model *m)
{
    free(m->table);
    m->table_bits += 2;
    m->table = memory_new((size_t)1 << m->table_bits, sizeof(*m->table));
    for (uint32_t i = 1; i <= m->count; i++)
        *table_place(m, m->blocks[i].address) = i; /* of two at one address the later */
}

/* --- size classes -------------------------------------------------------------------------------------- */

/* What a block takes of the heap, as glibc on 64-bit machines has it: 8 bytes of its own, a multiple of 16,
 * 32 at least. Other allocators differ; the guess is then worse, not wrong. */
static uint64_t heap_bytes(uint64_t size)
{
    uint64_t bytes = (size + 23) & ~(uint64_t)15;

    return bytes < 32 ? 32 : bytes;
}

/* Exact up to 1 KiB, eight classes to each doubling beyond. */
static uint8_t class_of(uint64_t size)
{
    uint64_t units = heap_bytes(size) >> 4;
    unsigned bits;

    if (units <= 64) return (uint8_t)units;
    bits = 63 - (unsigned)__builtin_clzll(units);
    bits = 64 + (bits - 6) * 8 + (unsigned)(units >> (bits - 3) & 7);
    return bits < HEAP_CLASSES ? (uint8_t)bits : HEAP_CLASSES - 1;
}

static void move_to_front(uint64_t *values, size_t place, uint64_t value)
{
    for (; place > 0; place--)
        values[place] = values[place - 1];
    values[0] = value;
}

/* --- allocations --------------------------------------------------------------------------------------- */

/* The top of a class's list; blocks whose place was given out otherwise are dropped from it. */
static uint32_t list_top(struct heap_model *m, uint8_t class)
{
    while (m->lists[class] && m->blocks[m->lists[class]].gone)
        m->lists[class] = m->blocks[m->lists[class]].below;
    return m->lists[class];
}

uint8_t heap_choose_allocation(struct heap_model *m, uint64_t size, uint64_t address)
{
    uint32_t block = list_top(m, class_of(size));

    if (block && m->blocks[block].address == address) return CHOICE_TOP;
    for (unsigned i = 0; i < HEAP_ENDS; i++)
        if (m->ends[i] == address) return (uint8_t)(CHOICE_END + i);
    for (unsigned i = 0; i < HEAP_FREED; i++)
        if (m->freed[i] == address) return (uint8_t)(CHOICE_FREED + i);
    if (block) block = m->blocks[block].below;
    for (unsigned i = 0; i < HEAP_STEPS && block; i++, block = m->blocks[block].below)
        if (m->blocks[block].address == address && !m->blocks[block].gone)
            return (uint8_t)(CHOICE_DEEPER + i);
    return CHOICE_LITERAL;
}

bool heap_follow_allocation(struct heap_model *m, uint64_t size, uint8_t choice, uint64_t *address)
{
    uint32_t block;

    if (choice >= CHOICE_END && choice < CHOICE_FREED) {
        *address = m->ends[choice - CHOICE_END];
        return true;
    }
    if (choice >= CHOICE_FREED && choice < CHOICE_DEEPER) {
        *address = m->freed[choice - CHOICE_FREED];
        return true;
    }
    block = list_top(m, class_of(size));
    if (choice >= CHOICE_DEEPER)
        for (unsigned i = choice - CHOICE_DEEPER + 1; i > 0 && block; i--)
            block = m->blocks[block].below;
    if (!block) return false;
    *address = m->blocks[block].address;
    return true;
}

void heap_allocated(struct heap_model *m, uint64_t size, uint8_t choice, uint64_t address)
{
    uint32_t *place;

    list_top(
        m,
        class_of(size)); /* what the coder dropped is dropped by the decoder as well, whatever the choice */
    if (choice >= CHOICE_END && choice < CHOICE_FREED)
        move_to_front(m->ends, choice - CHOICE_END, address + heap_bytes(size));
    else if (choice != CHOICE_TOP)
        move_to_front(m->ends, HEAP_ENDS - 1, address + heap_bytes(size));
    if (m->count + 2 > m->capacity) {
        m->capacity = m->capacity ? 2 * m->capacity : 1024;
        m->blocks = memory_resize(m->blocks, m->capacity, sizeof(*m->blocks));
    }
    m->blocks[++m->count] = (struct heap_block){.address = address, .class = class_of(size)};
    place = table_place(m, address);
    if (*place) m->blocks[*place].gone = true;
    m->addresses += *place == 0;
    *place = m->count;
    if (m->addresses > 1u << (m->table_bits - 1)) table_grow(m);
}

/* --- frees ---------------------------------------------------------------------------------------------- */

uint8_t heap_choose_free(const struct heap_model *m, uint64_t address, uint32_t *block)
{
    uint32_t at = *block = heap_find(m, address);

    if (at) {
        if (at == m->freed_block + 1) return CHOICE_NEXT;
        if (at == m->count - m->age) return CHOICE_AGE;
        if (at == m->count) return CHOICE_LAST;
        if (at + 1 == m->freed_block) return CHOICE_PREVIOUS;
    }
    if (address == m->freed[0] + m->stride) return CHOICE_STRIDE;
    return at ? CHOICE_NUMBER : CHOICE_LITERAL;
}

bool heap_follow_free(const struct heap_model *m, uint8_t choice, uint32_t *block, uint64_t *address)
{
    switch (choice) {
    case CHOICE_NEXT:
        *block = m->freed_block + 1;
        break;
    case CHOICE_AGE:
        *block = m->count - m->age;
        break;
    case CHOICE_LAST:
        *block = m->count;
        break;
    case CHOICE_PREVIOUS:
        *block = m->freed_block - 1;
        break;
    case CHOICE_STRIDE:
        *address = m->freed[0] + m->stride;
        *block = heap_find(m, *address);
        return true;
    default: /* CHOICE_NUMBER: it is there */
        break;
    }
    if (*block == 0 || *block > m->count) return false;
    *address = m->blocks[*block].address;
    return true;
}

void heap_freed(struct heap_model *m, uint32_t block, uint64_t address)
{
    if (block) {
        struct heap_block *b = &m->blocks[block];
        m->freed_block = block;
        m->age = m->count - block;
        if (!b->listed) { /* a block may be freed twice, by a damaged trace; the list must have an end */
            b->below = m->lists[b->class];
            m->lists[b->class] = block;
        }
        b->listed = true;
    }
    m->stride = address - m->freed[0];
    move_to_front(m->freed, HEAP_FREED - 1, address);
}
