/* The other of the two: 863-byte blocks, and a frame of another size. */
/* flags: -fno-omit-frame-pointer */
#include <stdlib.h>
void hostile_turn(unsigned count);
void hostile_turn(unsigned count)
{
    volatile char room[512];
    room[0] = 1;
    for (unsigned i = 0; i < count; i++) {
        char *volatile block = malloc(863);
        block[0] = room[0];
        free(block);
    }
}
