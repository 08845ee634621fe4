/* Interned strings: one copy of each, known by a dense number. */
#ifndef SCANNER_INTERN_H
#define SCANNER_INTERN_H

#include "arena.h"

#include <stddef.h>
#include <stdint.h>

struct intern_entry;
struct intern {
    struct arena strings;         /* owns every copy */
    struct intern_entry *entries; /* by number; entry 0 is unused */
    uint32_t *slots;              /* open addressing, power of two, 0 is free */
    size_t count, entry_room, slot_count;
};

/* The number (from 1) of BYTES[0..LENGTH), added when new. 0: out of memory, nothing changed. */
uint32_t intern_add(struct intern *intern, const char *bytes, size_t length);

/* Its number, or 0 when it was never added. */
uint32_t intern_find(const struct intern *intern, const char *bytes, size_t length);

/* The NUL-terminated copy that belongs to NUMBER; valid until intern_release. */
const char *intern_string(const struct intern *intern, uint32_t number);

/* intern_add and intern_string in one: the copy, or NULL out of memory. */
const char *intern_copy(struct intern *intern, const char *bytes, size_t length);

void intern_release(struct intern *intern);

#endif
