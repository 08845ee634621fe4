/* cross_threads [EVENTS]: four threads pass blocks to each other, through queues without locks. What one
 * thread has allocated another frees, and glibc hands the address out again within nanoseconds, often to a
 * third. One block in sixteen is reallocated by its receiver and passed on. For checking the order of
 * recorded events; prints what it did: allocations=N frees=N, where a realloc is one of each. flags: -pthread
 */
#include "counted.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { THREADS = 4, RING = 256 };

/* One writer, one reader: positions only grow, each written by one side. */
struct ring {
    _Alignas(64) _Atomic unsigned long written;
    _Alignas(64) _Atomic unsigned long read;
    void *blocks[RING];
};

static struct ring rings[THREADS][THREADS]; /* from, to */
static long blocks_of_each;
static _Atomic int senders = THREADS;
static _Atomic long reallocations;

static int put(struct ring *ring, void *block)
{
    unsigned long at = atomic_load_explicit(&ring->written, memory_order_relaxed);
    if (at - atomic_load_explicit(&ring->read, memory_order_acquire) == RING) return 0;
    ring->blocks[at % RING] = block;
    atomic_store_explicit(&ring->written, at + 1, memory_order_release);
    return 1;
}

static void *take(struct ring *ring)
{
    unsigned long at = atomic_load_explicit(&ring->read, memory_order_relaxed);
    if (at == atomic_load_explicit(&ring->written, memory_order_acquire)) return NULL;
    void *block = ring->blocks[at % RING];
    atomic_store_explicit(&ring->read, at + 1, memory_order_release);
    return block;
}

/* Free all that waits for thread SELF. Some go round once more, in another size. */
static int receive(unsigned self, uint64_t *random, int last)
{
    int taken = 0;
    for (unsigned from = 0; from < THREADS; from++)
        for (void *block; (block = take(&rings[from][self])) != NULL; taken++) {
            uint64_t choice = counted_random(random);
            if (last || choice % 16 != 0) {
                free(block);
                continue;
            }
            void *moved = realloc(block, 16 + (choice >> 32) % 500);
            if (moved == NULL) abort();
            atomic_fetch_add_explicit(&reallocations, 1, memory_order_relaxed);
            if (!put(&rings[self][(self + 1) % THREADS], moved)) free(moved);
        }
    return taken;
}

static void *run(void *number)
{
    unsigned self = (unsigned)(uintptr_t)number;
    uint64_t random = 88172645463325252u + self;
    for (long made = 0; made < blocks_of_each; made++) {
        uint64_t choice = counted_random(&random);
        unsigned to = (self + 1 + (unsigned)(choice % (THREADS - 1))) % THREADS;
        void *block = malloc(16 + (choice >> 32) % 200);
        if (block == NULL) abort();
        while (!put(&rings[self][to], block))
            if (!receive(self, &random, 0)) sched_yield();
        if (made % 8 == 0) receive(self, &random, 0);
    }
    atomic_fetch_sub(&senders, 1);
    /* Until nobody sends, and then once more for what was sent before that was seen. */
    while (atomic_load(&senders) > 0)
        if (!receive(self, &random, 1)) sched_yield();
    receive(self, &random, 1);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    blocks_of_each = (argc > 1 ? atol(argv[1]) : 500000) / 2 / THREADS;
    for (uintptr_t number = 0; number < THREADS; number++)
        if (pthread_create(&threads[number], NULL, run, (void *)number) != 0) return 1;
    for (unsigned number = 0; number < THREADS; number++)
        pthread_join(threads[number], NULL);
    counted_allocations =
        (unsigned long long)blocks_of_each * THREADS + (unsigned long long)atomic_load(&reallocations);
    counted_frees = counted_allocations;
    return counted_print();
}
