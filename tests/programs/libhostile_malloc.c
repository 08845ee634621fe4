/* Opened while the program runs, it defines malloc and kin of its own: with RTLD_DEEPBIND its own calls lead
 * there, else to the program's. Blocks of 864 bytes. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { POOL_BYTES = 1 << 18 };
static _Alignas(16) unsigned char pool[POOL_BYTES];
static size_t used;

void *malloc(size_t size)
{
    size_t whole = (size + 15) & ~(size_t)15;
    if (whole > POOL_BYTES - used) return NULL;
    used += whole;
    return pool + used - whole;
}

void free(void *block)
{
    (void)block;
}

void *calloc(size_t count, size_t size)
{
    return malloc(count * size);
}

void *realloc(void *block, size_t size)
{
    void *moved = malloc(size);
    if (block != NULL && moved != NULL) memcpy(moved, block, size);
    return moved;
}

int hostile_own_blocks(unsigned count);
/* How many of COUNT blocks are of the pool. */
int hostile_own_blocks(unsigned count)
{
    int own = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned char *volatile block = malloc(864);
        own += block >= pool && block < pool + POOL_BYTES;
        free(block);
    }
    return own;
}
