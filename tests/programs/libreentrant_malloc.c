/* An allocator that may be interrupted anywhere and entered again: by signal handlers, by cancelled threads,
 * by siglongjmp out of it. The C library's may not, so programs that storm the recorder with signals are run
 * on this one, plain and recorded alike. Power-of-two classes, each a lock-free list of free blocks; nothing
 * is given back to the kernel. */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_BYTES (1ull << 32)
#define CLASSES     32u
#define GRANULE     16u

struct header { /* in front of every block, 16 bytes */
    uint32_t class;
    _Atomic uint32_t next; /* in granules from the arena's start; 0: none */
    size_t size;
};
_Static_assert(sizeof(struct header) == GRANULE, "one granule");

static _Atomic(uint8_t *) arena;
static _Atomic uint64_t arena_used = 4096;
static _Atomic uint64_t heads[CLASSES]; /* count of changes << 32 | first free header */

static uint8_t *arena_start(void)
{
    uint8_t *start = atomic_load(&arena), *none = NULL;
    if (start != NULL) return start;
    start =
        mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return NULL;
    if (!atomic_compare_exchange_strong(&arena, &none, start)) {
        munmap(start, ARENA_BYTES);
        start = none;
    }
    return start;
}

static struct header *header_at(uint8_t *start, uint32_t granule)
{
    return (struct header *)(void *)(start + (uint64_t)granule * GRANULE);
}

static struct header *pop(uint8_t *start, uint32_t class)
{
    uint64_t head = atomic_load(&heads[class]);
    for (;;) {
        if ((uint32_t)head == 0) return NULL;
        struct header *first = header_at(start, (uint32_t)head);
        uint64_t after = ((head >> 32) + 1) << 32 | atomic_load(&first->next);
        if (atomic_compare_exchange_weak(&heads[class], &head, after)) return first;
    }
}

static void push(uint8_t *start, struct header *header)
{
    uint32_t granule = (uint32_t)(((uint8_t *)header - start) / GRANULE);
    uint64_t head = atomic_load(&heads[header->class]);
    do
        atomic_store(&header->next, (uint32_t)head);
    while (!atomic_compare_exchange_weak(&heads[header->class], &head, ((head >> 32) + 1) << 32 | granule));
}

void *malloc(size_t size)
{
    uint8_t *start = arena_start();
    uint32_t class = 5;
    while (class < CLASSES && (1ull << class) < size + GRANULE)
        class ++;
    if (start == NULL || class >= CLASSES) goto none;
    struct header *header = pop(start, class);
    if (header == NULL) {
        uint64_t at = atomic_fetch_add(&arena_used, 1ull << class);
        if (at + (1ull << class) > ARENA_BYTES) goto none;
        header = (struct header *)(void *)(start + at);
        header->class = class;
    }
    header->size = size;
    return header + 1;
none:
    errno = ENOMEM;
    return NULL;
}

void free(void *block)
{
    if (block != NULL) push(arena, (struct header *)block - 1);
}

size_t malloc_usable_size(void *block)
{
    return block != NULL ? (1ull << ((struct header *)block - 1)->class) - GRANULE : 0;
}

void *calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = malloc(total);
    return block != NULL ? memset(block, 0, total) : NULL;
}

void *realloc(void *block, size_t size)
{
    if (block == NULL) return malloc(size);
    void *moved = malloc(size);
    if (moved == NULL) return NULL;
    size_t old = ((struct header *)block - 1)->size;
    memcpy(moved, block, old < size ? old : size);
    free(block);
    return moved;
}

/* Nothing here asks for more than a granule's alignment, but the loader's thread-local blocks. */
void *memalign(size_t alignment, size_t size)
{
    if (alignment <= GRANULE) return malloc(size);
    uint8_t *block = malloc(size + alignment + GRANULE);
    if (block == NULL) return NULL;
    uint8_t *aligned = (uint8_t *)(((uintptr_t)block + GRANULE + alignment - 1) & ~(alignment - 1));
    struct header *header = (struct header *)(void *)aligned - 1;
    header->class = 5; /* too small a class: the rest of the block is never used again */
    header->size = size;
    return aligned;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = memalign(alignment, size);
    return *block != NULL ? 0 : ENOMEM;
}
