/* flags: -pthread */
/* Threads in numbers, on small stacks, short-lived. */
#include "hostile.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sched.h>

static void *brief(void *argument)
{
    allocate(10, 806);
    return argument;
}

static int short_lives(void)
{
    for (int i = 0; i < 2000; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, brief, NULL) != 0) return 70;
        pthread_join(thread, NULL);
    }
    say("alive");
    return 0;
}

static void *long_life(void *argument)
{
    allocate(2000, 807);
    return argument;
}

static int sixty_four(void)
{
    pthread_t thread[64];
    for (int i = 0; i < 64; i++)
        if (pthread_create(&thread[i], NULL, long_life, NULL) != 0) return 70;
    for (int i = 0; i < 64; i++)
        pthread_join(thread[i], NULL);
    say("alive");
    return 0;
}

static void *everything(void *argument)
{
    for (int i = 0; i < 300; i++) {
        void *block = malloc(850);
        block = realloc(block, 851);
        free(block);
        void *aligned = NULL;
        if (posix_memalign(&aligned, 64, 852) != 0) return NULL;
        free(aligned);
        free(calloc(1, 853));
    }
    return argument;
}

static int small_stacks(void)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, 16384) != 0) return 71;
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, everything, NULL) != 0) return 70;
        pthread_join(thread, NULL);
    }
    say("alive");
    return 0;
}

/* A thread on the same stack as a deeper one before it, but a smaller part of it. */
static char shared_stack[1 << 20] __attribute__((aligned(4096)));

__attribute__((noinline)) static void dig(int depth)
{
    volatile char use[512];
    use[0] = 1;
    if (depth > 0)
        dig(depth - 1);
    else
        allocate(10, 854);
    (void)use[0];
}

static void *digger(void *argument)
{
    dig(argument != NULL ? 1000 : 3);
    return argument;
}

static int same_stack(void)
{
    for (int i = 0; i < 20; i++) {
        size_t bytes = i & 1 ? 65536 : sizeof(shared_stack);
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        if (pthread_attr_setstack(&attributes, shared_stack + sizeof(shared_stack) - bytes, bytes) != 0)
            return 71;
        pthread_t thread;
        if (pthread_create(&thread, &attributes, digger, i & 1 ? NULL : &attributes) != 0) return 70;
        pthread_join(thread, NULL);
    }
    say("alive");
    return 0;
}

/* Blocks that one thread allocates and another frees. More than one is on its way, or each would cost two
 * changes of threads: on a busy machine, two time slices of others. */
#define SLOTS 64
static void *_Atomic slots[SLOTS];
static void *consumer(void *argument)
{
    for (int freed = 0; freed < 20000;) {
        void *block = atomic_exchange(&slots[freed % SLOTS], NULL);
        if (block == NULL) {
            sched_yield();
            continue;
        }
        free(block);
        freed++;
    }
    return argument;
}

static int handed_over(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, consumer, NULL) != 0) return 70;
    for (int i = 0; i < 20000; i++) {
        void *block = malloc(855);
        for (void *none = NULL; !atomic_compare_exchange_strong(&slots[i % SLOTS], &none, block); none = NULL)
            sched_yield();
    }
    pthread_join(thread, NULL);
    say("alive");
    return 0;
}

static void clean(void *argument)
{
    allocate(1, 857);
    free(argument);
}

static void *cancelled(void *argument)
{
    void *block = malloc(856);
    pthread_cleanup_push(clean, block);
    for (;;) {
        free(malloc(64));
        pthread_testcancel();
    }
    pthread_cleanup_pop(1);
    return argument;
}

static int cancel(void)
{
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, cancelled, NULL) != 0) return 70;
        sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
    say("alive");
    return 0;
}

static void destroyed(void *block)
{
    allocate(1, 859);
    free(block);
}

static pthread_key_t keys[PTHREAD_KEYS_MAX];
static void *with_keys(void *argument)
{
    pthread_setspecific(keys[0], malloc(858));
    return argument;
}

/* All 1,024 keys are the program's; destructors allocate when the thread is nearly gone. */
static int all_keys(void)
{
    int count = 0;
    while (count < PTHREAD_KEYS_MAX && pthread_key_create(&keys[count], destroyed) == 0)
        count++;
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, with_keys, NULL) != 0) return 70;
        pthread_join(thread, NULL);
    }
    say("%d keys", count);
    return 0;
}

static void *momentary(void *argument)
{
    allocate(1, 806);
    return argument;
}

/* 10,000 of them, eight at a time. */
static int ten_thousand(void)
{
    pthread_t thread[8];
    for (int round = 0; round < 1250; round++) {
        for (int i = 0; i < 8; i++)
            if (pthread_create(&thread[i], NULL, momentary, NULL) != 0) return 70;
        for (int i = 0; i < 8; i++)
            pthread_join(thread[i], NULL);
    }
    say("alive");
    return 0;
}

static atomic_uint ended;
static void *detached_main(void *argument)
{
    allocate(10, 806);
    atomic_fetch_add(&ended, 1);
    return argument;
}

/* Nobody joins them; the last ones are still at it when main has left. */
static int detached(void)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (unsigned i = 0; i < 1000; i++) {
        pthread_t thread;
        while (i - atomic_load(&ended) > 20)
            sched_yield();
        if (pthread_create(&thread, &attributes, i < 990 ? detached_main : long_life, NULL) != 0) return 70;
        if (i >= 990) atomic_fetch_add(&ended, 1);
    }
    say("main leaves");
    pthread_exit(NULL);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"short_lives", short_lives}, {"sixty_four", sixty_four},     {"small_stacks", small_stacks},
        {"same_stack", same_stack},   {"handed_over", handed_over},   {"cancel", cancel},
        {"all_keys", all_keys},       {"ten_thousand", ten_thousand}, {"detached", detached},
    };
    return RUN_MODE(modes, argc, argv);
}
