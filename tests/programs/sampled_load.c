/* sampled_load [ROUNDS]: allocations of 16 bytes to 1 MiB, 4 GiB in all (ROUNDS: 1,239), from eight places
 * that have four times the sizes of the one before; about 1 in 20 of each stays live to the end. The same in
 * every run. No block is touched. Prints what it did: of each place, and in all. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLACES = 8, LIVE = 65536 };

struct counts {
    unsigned long long allocations, bytes, live_blocks, live_bytes;
};
static struct counts counts[PLACES];

struct block {
    void *address;
    size_t size;
};
static struct block live[PLACES][LIVE];
static const unsigned a_round[PLACES] = {800, 800, 400, 200, 56, 16, 4, 1};

static unsigned long long live_bytes, peak_bytes;

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline __attribute__((always_inline)) void allocate(unsigned place, uint64_t random, unsigned slots)
{
    size_t size = (16u << 2 * place) + (random >> 32) % (48u << 2 * place);
    struct block *block = &live[place][random % slots];
    free(block->address);
    block->address = malloc(size);
    live_bytes += size - block->size;
    if (live_bytes > peak_bytes) peak_bytes = live_bytes;
    block->size = size;
    if (block->address == NULL) abort();
    counts[place].allocations++;
    counts[place].bytes += size;
}

/* Each its own site in the trace. */
#define PLACE(number)                                                                                        \
    static __attribute__((noinline)) void place_##number(uint64_t random, unsigned slots)                    \
    {                                                                                                        \
        allocate(number, random, slots);                                                                     \
        __asm__ volatile("");                                                                                \
    }
PLACE(0)
PLACE(1)
PLACE(2)
PLACE(3)
PLACE(4)
PLACE(5)
PLACE(6)
PLACE(7)

static void (*const places[PLACES])(uint64_t, unsigned) = {place_0, place_1, place_2, place_3,
                                                           place_4, place_5, place_6, place_7};

static int print(const char *name, const struct counts *c)
{
    char line[256];
    int length = snprintf(line, sizeof(line),
                          "%s allocations=%llu allocated_bytes=%llu live_blocks=%llu live_bytes=%llu\n", name,
                          c->allocations, c->bytes, c->live_blocks, c->live_bytes);
    return write(1, line, (size_t)length) == length ? 0 : 1;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 1239;
    uint64_t random = 88172645463325252u;
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned place = 0; place < PLACES; place++)
            for (unsigned i = 0; i < a_round[place]; i++) {
                unsigned slots = a_round[place] * rounds / 20;
                places[place](next(&random), slots < LIVE && slots > 0 ? slots : slots ? LIVE : 1);
            }
    struct counts all = {0};
    for (unsigned place = 0; place < PLACES; place++) {
        struct counts *c = &counts[place];
        char name[16];
        for (unsigned i = 0; i < LIVE; i++)
            if (live[place][i].address != NULL) {
                c->live_blocks++;
                c->live_bytes += live[place][i].size;
            }
        all.allocations += c->allocations;
        all.bytes += c->bytes;
        all.live_blocks += c->live_blocks;
        all.live_bytes += c->live_bytes;
        snprintf(name, sizeof(name), "place_%u", place);
        if (print(name, c) != 0) return 1;
    }
    char line[64];
    int length = snprintf(line, sizeof(line), "peak live_bytes=%llu\n", peak_bytes);
    return print("all", &all) != 0 || write(1, line, (size_t)length) != length;
}
