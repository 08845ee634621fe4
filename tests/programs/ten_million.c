/* ten_million [PAIRS]: allocates and frees PAIRS blocks (default 5,000,000: 10 million events) from 1,000
 * distinct stacks, with 4,096 blocks live at a time. For measuring what reads traces. */
#include "counted.h"

enum { LIVE = 4096 };
static void *ring[LIVE];
static uint64_t made;

static void leaf(size_t size)
{
    void **slot = &ring[made++ % LIVE];
    counted_free(*slot);
    *slot = counted_malloc(size);
}

static void branch(unsigned path, unsigned depth, size_t size);

/* Ten functions that differ in their address alone; the empty asm keeps them from being merged or
 * tail-called. */
#define BRANCH(digit)                                                                                        \
    __attribute__((noinline)) static void branch_##digit(unsigned path, unsigned depth, size_t size)         \
    {                                                                                                        \
        branch(path, depth, size);                                                                           \
        __asm__ volatile("" ::"r"(digit));                                                                   \
    }
BRANCH(0)
BRANCH(1)
BRANCH(2)
BRANCH(3)
BRANCH(4)
BRANCH(5)
BRANCH(6)
BRANCH(7)
BRANCH(8)
BRANCH(9)

__attribute__((noinline)) static void branch(unsigned path, unsigned depth, size_t size)
{
    static void (*const branches[])(unsigned, unsigned, size_t) = {
        branch_0, branch_1, branch_2, branch_3, branch_4, branch_5, branch_6, branch_7, branch_8, branch_9};
    if (depth == 0)
        leaf(size);
    else
        branches[path % 10](path / 10, depth - 1, size);
    __asm__ volatile("");
}

int main(int argc, char **argv)
{
    uint64_t pairs = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000000, random = 88172645463325252u;
    for (uint64_t pair = 0; pair < pairs; pair++) {
        uint64_t choice = counted_random(&random);
        branch((unsigned)(choice % 1000), 3, 16 + (choice >> 40) % 500);
    }
    for (unsigned index = 0; index < LIVE; index++)
        counted_free(ring[index]);
    return counted_print();
}
