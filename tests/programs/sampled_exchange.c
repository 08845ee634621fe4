/* sampled_exchange THREADS BLOCKS: threads allocate blocks of 1 to 512 bytes and put each in a place that
 * they share, freeing or reallocating what another left there; at the end all is freed. sampled_exchange
 * fork: parent and child each do the same sequence of allocations after fork. flags: -pthread */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PLACES = 1000 };
static _Atomic(void *) places[PLACES];
static long blocks;

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void *exchange(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    for (long i = 0; i < blocks; i++) {
        size_t size = 1 + next(&random) % 512;
        _Atomic(void *) *place = &places[next(&random) % PLACES];
        void *mine = malloc(size), *others = atomic_exchange(place, mine);
        if (others != NULL && (size & 1)) others = realloc(others, 1 + next(&random) % 512);
        free(others);
    }
    return NULL;
}

static int threads(long count)
{
    pthread_t thread[64];
    if (count < 1 || count > 64) return 2;
    for (long i = 0; i < count; i++) /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
        if (pthread_create(&thread[i], NULL, exchange, (void *)(uintptr_t)(i + 1)) != 0) return 1;
    for (long i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
    for (long i = 0; i < PLACES; i++)
        free(atomic_load(&places[i]));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "fork") == 0) {
        pid_t child = fork();
        blocks = 20000;
        exchange((void *)1);
        if (child == 0) _exit(0);
        return waitpid(child, NULL, 0) == child ? 0 : 1;
    }
    if (argc != 3) return 2;
    blocks = atol(argv[2]);
    return threads(atol(argv[1]));
}
