/* flags: -pthread */
/* threads_kill FILE [CALLS]: four threads allocate, reallocate and free at random and count each call in FILE
 * (mapped shared) right after it has returned, so that the counts survive a kill. Thread T (0 to 3) asks only
 * for sizes of the form 10000 + 4 * k + T, which tells its blocks from all others. Without CALLS: until
 * it is killed, or for 20 seconds, so that a test that loses sight of it leaves nothing running. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 4, BLOCKS = 64 };

/* The layout that tests/e2e/kill_9.py reads: four u64 a thread, one cache line each. */
struct counts {
    _Atomic uint64_t allocations, frees, allocated_bytes, running;
    uint64_t unused[4];
};

static struct counts *counts;
static uint64_t calls = UINT64_MAX;

static void count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_release);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void one_call(struct counts *mine, void **block, size_t size, uint64_t choice)
{
    if (!*block) {
        *block = choice % 2 ? malloc(size) : calloc(1, size);
        count(&mine->allocations, 1);
        count(&mine->allocated_bytes, size);
    } else if (choice % 3 == 0) {
        *block = realloc(*block, size);
        count(&mine->allocations, 1);
        count(&mine->allocated_bytes, size);
        count(&mine->frees, 1);
    } else {
        free(*block);
        *block = NULL;
        count(&mine->frees, 1);
    }
}

static void *work(void *argument)
{
    uint64_t index = (uintptr_t)argument, random = 0x9e3779b97f4a7c15u * (index + 1);
    void *blocks[BLOCKS] = {NULL};
    count(&counts[index].running, 1);
    for (uint64_t call = 0; call < calls; call++) {
        uint64_t choice = next_random(&random);
        one_call(&counts[index], &blocks[choice % BLOCKS], 10000 + 4 * ((choice >> 32) % 2000) + index,
                 choice >> 16);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        dprintf(2, "usage: %s FILE [CALLS]\n", argv[0]);
        return 2;
    }
    alarm(20);
    if (argc > 2) calls = strtoull(argv[2], NULL, 10);
    int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, THREADS * sizeof(*counts)) != 0) return 2;
    counts = mmap(NULL, THREADS * sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counts == MAP_FAILED) return 2;
    pthread_t threads[THREADS];
    for (uintptr_t index = 0; index < THREADS; index++)
        if (pthread_create(&threads[index], NULL, work, (void *)index) != 0) return 2;
    for (unsigned index = 0; index < THREADS; index++)
        pthread_join(threads[index], NULL);
    return 0;
}
