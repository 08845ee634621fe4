/* One of two libraries of the same size that take turns at one address: 862-byte blocks. */
#include <stdlib.h>
#ifndef BLOCK_BYTES
#define BLOCK_BYTES 862
#endif
void hostile_turn(unsigned count);
void hostile_turn(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char *volatile block = malloc(BLOCK_BYTES);
        block[0] = 1;
        free(block);
    }
}
