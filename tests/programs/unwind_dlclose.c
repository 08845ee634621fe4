/* flags: -ldl */
/* unwind_dlclose MODULE TWIN [ROUNDS]: two modules take turns at one address; each calls back a function that
 * allocates. Prints allocations=N and same_address=M, how often a module came to where the one before had
 * been. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned long allocations;
static volatile unsigned long sum;

static __attribute__((noinline)) void allocate(size_t size)
{
    void *block = malloc(size);
    allocations++;
    sum += (uintptr_t)block & 1;
    free(block);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 100, same_address = 0;
    void *before = NULL;
    if (argc < 3) return 2;
    for (unsigned i = 0; i < rounds; i++) {
        void *module = dlopen(argv[1 + i % 2], RTLD_NOW | RTLD_LOCAL);
        if (!module) return 1;
        void (*call_back)(void (*)(size_t), size_t) =
            (void (*)(void (*)(size_t), size_t))dlsym(module, "call_back");
        if (!call_back) return 1;
        for (size_t size = 1; size < 5; size++)
            call_back(allocate, size);
        same_address += (void *)call_back == before;
        before = (void *)call_back;
        if (dlclose(module)) return 1;
    }
    printf("allocations=%lu same_address=%u\n", allocations, same_address);
    return 0;
}
