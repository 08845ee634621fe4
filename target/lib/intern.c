#include "intern.h"

#include <stdlib.h>
#include <string.h>

struct intern_entry {
    const char *string;
    size_t length;
    uint32_t hash;
};

static uint32_t string_hash(const char *bytes, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a, 32 bits */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
    return hash;
}

/* The slot that holds the string, or the free one where it belongs. The table is never full. */
static size_t slot_find(const struct intern *intern, const char *bytes, size_t length, uint32_t hash)
{
    size_t mask = intern->slot_count - 1, slot = hash & mask;
    for (; intern->slots[slot]; slot = (slot + 1) & mask) {
        const struct intern_entry *entry = &intern->entries[intern->slots[slot]];
        if (entry->hash == hash && entry->length == length && memcmp(entry->string, bytes, length) == 0)
            break;
    }
    return slot;
}

static int slots_grow(struct intern *intern)
{
    size_t slot_count = intern->slot_count ? intern->slot_count * 2 : 64;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (!slots) return -1;
    for (size_t number = 1; number <= intern->count; number++) {
        size_t slot = intern->entries[number].hash & (slot_count - 1);
        while (slots[slot])
            slot = (slot + 1) & (slot_count - 1);
        slots[slot] = (uint32_t)number;
    }
    free(intern->slots);
    intern->slots = slots;
    intern->slot_count = slot_count;
    return 0;
}

static int entries_grow(struct intern *intern)
{
    size_t room = intern->entry_room ? intern->entry_room * 2 : 64;
    struct intern_entry *entries = realloc(intern->entries, room * sizeof *entries);
    if (!entries) return -1;
    intern->entries = entries;
    intern->entry_room = room;
    return 0;
}

uint32_t intern_find(const struct intern *intern, const char *bytes, size_t length)
{
    if (!intern->slot_count) return 0;
    return intern->slots[slot_find(intern, bytes, length, string_hash(bytes, length))];
}

uint32_t intern_add(struct intern *intern, const char *bytes, size_t length)
{
    /* At most three quarters full: probing stays short and always meets a free slot. */
    if (intern->count + 1 > intern->slot_count / 4 * 3 && slots_grow(intern) != 0) return 0;
    uint32_t hash = string_hash(bytes, length);
    size_t slot = slot_find(intern, bytes, length, hash);
    if (intern->slots[slot]) return intern->slots[slot];
    if (intern->count + 1 >= intern->entry_room && entries_grow(intern) != 0) return 0;
    char *copy = arena_copy(&intern->strings, bytes, length);
    if (!copy) return 0;
    intern->entries[++intern->count] = (struct intern_entry){copy, length, hash};
    intern->slots[slot] = (uint32_t)intern->count;
    return intern->slots[slot];
}

const char *intern_string(const struct intern *intern, uint32_t number)
{
    return intern->entries[number].string;
}

const char *intern_copy(struct intern *intern, const char *bytes, size_t length)
{
    uint32_t number = intern_add(intern, bytes, length);
    return number ? intern_string(intern, number) : NULL;
}

void intern_release(struct intern *intern)
{
    arena_release(&intern->strings);
    free(intern->entries);
    free(intern->slots);
    *intern = (struct intern){0};
}
