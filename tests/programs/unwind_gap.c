/* flags: -no-pie -O2 -g -Wl,--section-start=.far=0x10000000 */
/* An executable with a gap of 200 MiB between its segments, as some linkers leave one: the loader then knows
 * it segment by segment. Functions without a frame pointer, on the far side, allocate; so without CFI nothing
 * leads out of them. Prints allocations=N. */
#include <stdio.h>
#include <stdlib.h>

static volatile unsigned long sum;

__attribute__((noinline, section(".far"))) static void allocate_far_away(unsigned n)
{
    volatile unsigned keep[8] = {n};
    void *block = malloc(n + 1);
    free(block);
    if (n) allocate_far_away(n - 1);
    sum += keep[n % 8];
}

int main(void)
{
    for (unsigned n = 0; n < 50; n++)
        allocate_far_away(n);
    dprintf(1, "allocations=%u\n", 50 * 51 / 2);
    return 0;
}
