/* The arena for recursion inside dlsym: while the next functions are being looked up there is nobody to pass
 * an allocation on to. Its blocks exist because of us, not because of the program, and are not recorded:
 * counts would differ from those of the program alone. */
#ifndef MEMTRACE_PROCESS_BOOTSTRAP_H
#define MEMTRACE_PROCESS_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOTSTRAP_BYTES 16384u
extern uint8_t bootstrap_arena[BOOTSTRAP_BYTES];

static inline bool bootstrap_owns(const void *block)
{
    return (uintptr_t)block - (uintptr_t)bootstrap_arena < BOOTSTRAP_BYTES;
}

/* A zeroed block of SIZE bytes at ALIGNMENT (a power of two, at least 16), or NULL with errno ENOMEM. Never
 * reused. */
void *bootstrap_allocate(size_t alignment, size_t size);

/* realloc of a block of the arena: into the next allocator once there is one. */
void *bootstrap_realloc(void *block, size_t size);

#endif
