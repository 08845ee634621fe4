/* Statically linked: nothing can be preloaded. */
/* flags: -static */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    free(malloc(100));
    dprintf(1, "static\n");
    if (argc > 1) execvp(argv[1], argv + 1);
    return 3;
}
