/* Touches MIB mebibytes, in 8 steps over MS milliseconds; then frees half, sleeps as long again and ends with
 * status 0: grows MIB MS. Prints "grown" when all is touched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS 8

int main(int argc, char **argv)
{
    size_t bytes = (argc > 1 ? (size_t)atoi(argv[1]) : 16) << 20;
    unsigned pause_us = (argc > 2 ? (unsigned)atoi(argv[2]) : 100) * 1000 / STEPS;
    char *blocks[STEPS];
    for (int i = 0; i < STEPS; i++) {
        blocks[i] = malloc(bytes / STEPS);
        memset(blocks[i], i + 1, bytes / STEPS);
        usleep(pause_us);
    }
    dprintf(1, "grown\n");
    for (int i = 0; i < STEPS / 2; i++)
        free(blocks[i]);
    usleep(pause_us * STEPS);
    return blocks[STEPS - 1][0] == STEPS ? 0 : 1;
}
