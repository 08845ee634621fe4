#include "process/bootstrap.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include "hot/next.h"

uint8_t bootstrap_arena[BOOTSTRAP_BYTES] __attribute__((aligned(64)));
static atomic_size_t bootstrap_used;

/* The block's size stands in the word in front of it, where its header would be in any allocator. */
void *bootstrap_allocate(size_t alignment, size_t size)
{
    if (alignment < 16) alignment = 16;
    size_t used = atomic_load(&bootstrap_used), start;
    do {
        start = (used + sizeof(size_t) + alignment - 1) & ~(alignment - 1);
        if (start > BOOTSTRAP_BYTES || size > BOOTSTRAP_BYTES - start) {
            errno = ENOMEM;
            return NULL;
        }
    } while (!atomic_compare_exchange_weak(&bootstrap_used, &used, start + size));
    memcpy(bootstrap_arena + start - sizeof(size_t), &size, sizeof(size));
    return bootstrap_arena + start;
}

void *bootstrap_realloc(void *block, size_t size)
{
    size_t old_size;
    memcpy(&old_size, (uint8_t *)block - sizeof(size_t), sizeof(old_size));
    void *moved = next_malloc(size);
    if (moved != NULL) memcpy(moved, block, old_size < size ? old_size : size);
    return moved;
}
