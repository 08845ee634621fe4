/* Blocks that grow, shrink, move and stay: every realloc of a block is one free and one allocation. */
#include "counted.h"

enum { BLOCKS = 64, ROUNDS = 5000 };

static void check_kept(const unsigned char *block, size_t size, unsigned char mark)
{
    for (size_t at = 0; at < size; at++)
        if (block[at] != mark) abort();
}

int main(void)
{
    unsigned char *blocks[BLOCKS] = {NULL};
    size_t sizes[BLOCKS] = {0};
    uint64_t random = 88172645463325252u;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned index = counted_random(&random) % BLOCKS;
        /* Up to 400 KiB: past the size from which glibc maps and mremaps blocks. */
        size_t size = 1 + counted_random(&random) % (round % 50 ? 2000 : 400 * 1024);
        size_t kept = sizes[index] < size ? sizes[index] : size;
        blocks[index] = counted_realloc(blocks[index], size);
        if (!blocks[index]) abort();
        check_kept(blocks[index], kept, (unsigned char)index);
        memset(blocks[index], (int)index, size);
        sizes[index] = size;
    }
    char *growing = NULL;
    for (size_t size = 1; size <= 1u << 20; size *= 2)
        growing = counted_realloc(growing, size);
    counted_realloc(growing, 0);
    for (unsigned index = 0; index < BLOCKS; index += 2)
        counted_free(blocks[index]);
    return counted_print();
}
