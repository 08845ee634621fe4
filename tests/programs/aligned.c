/* Every entry point that takes an alignment, and those that multiply: posix_memalign, aligned_alloc,
 * memalign, valloc, pvalloc, reallocarray, calloc. The argument `without_pvalloc` leaves that one out:
 * valgrind stops programs that call it. */
#include "counted.h"

static void *kept[512];
static unsigned kept_count;

static void keep(void *block, size_t alignment, size_t size)
{
    if (!block || (uintptr_t)block % alignment != 0) abort();
    memset(block, 1, size);
    kept[kept_count++] = block;
}

static void aligned_blocks(size_t alignment)
{
    for (size_t size = alignment; size <= 4 * alignment; size += alignment) {
        void *block = NULL;
        if (posix_memalign(&block, alignment, size + 1) != 0) abort();
        keep(counted_result(block, size + 1), alignment, size);
        keep(counted_result(aligned_alloc(alignment, size), size), alignment, size);
        keep(counted_result(memalign(alignment, size + 3), size + 3), alignment, size);
    }
}

int main(int argc, char **argv)
{
    int without_pvalloc = argc > 1 && strcmp(argv[1], "without_pvalloc") == 0;
    for (size_t alignment = 8; alignment <= 8192; alignment *= 2)
        aligned_blocks(alignment);
    for (size_t size = 1; size < 20000; size += 3333) {
        keep(counted_result(valloc(size), size), 4096, size);
        if (!without_pvalloc) keep(counted_result(pvalloc(size), size), 4096, size);
        keep(counted_calloc(7, size), 16, size);
    }
    char *array = NULL;
    for (size_t members = 1; members < 3000; members *= 3) {
        counted_frees += array != NULL;
        array = counted_result(reallocarray(array, members, 24), members * 24);
        if (!array) abort();
    }
    for (unsigned index = 0; index < kept_count; index += 2)
        counted_free(kept[index]);
    counted_free(array);
    return counted_print();
}
