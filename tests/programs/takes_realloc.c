/* flags: -no-pie -fno-pie */
/* An executable at a fixed address that takes the addresses of the allocation functions, as node and lua do:
 * they are then entries of its own procedure linkage table, for every library, too. Prints allocations=N, the
 * calls it made. */
#include <stdlib.h>
#include <unistd.h>

static __attribute__((noinline)) void use(size_t size, void *(*take)(size_t), void *(*change)(void *, size_t),
                                          void (*give)(void *))
{
    void *block = change(take(size), 10 * size);
    give(block);
    free(realloc(malloc(size), 20 * size));
}

int main(void)
{
    for (size_t size = 1; size <= 100; size++)
        use(size, malloc, realloc, free);
    static const char said[] = "allocations=400\n";
    return write(1, said, sizeof said - 1) == sizeof said - 1 ? 0 : 1;
}
