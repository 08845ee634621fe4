/* flags: -pthread */
/* memtrace.h: marks, pauses, pools; in order, so that a trace can be compared line by line. */
#include "hostile.h"
#include "memtrace/memtrace.h"

#include <pthread.h>
#include <stdatomic.h>

static void *mark_from_thread(void *argument)
{
    memtrace_mark("from a thread");
    return argument;
}

static int in_order(void)
{
    static char pool[4096];
    int before = errno = 77;
    memtrace_mark("one");
    allocate(3, 870);
    memtrace_stop();
    memtrace_stop(); /* once is enough */
    allocate(3, 871);
    memtrace_start();
    memtrace_start();
    allocate(3, 872);
    memtrace_allocated(pool, 100);
    memtrace_allocated(pool + 100, 200);
    memtrace_freed(pool);
    memtrace_allocated(NULL, 5);
    memtrace_freed(NULL);
    memtrace_freed(pool + 100);
    memtrace_mark("two words, a % and \303\244");
    memtrace_mark("");
    memtrace_mark(NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, mark_from_thread, NULL);
    pthread_join(thread, NULL);
    say("errno %s", errno == before ? "unchanged" : "changed");
    return 0;
}

/* Blocks from before a pause, freed and moved in it, and the other way round. */
static int across(void)
{
    void *before = malloc(873), *moved = malloc(874);
    memtrace_stop();
    void *during = malloc(875);
    free(before);
    moved = realloc(moved, 100000);
    memtrace_start();
    free(during);
    free(moved);
    say("alive");
    return 0;
}

static int long_name(void)
{
    static char name[100001];
    memset(name, 'x', sizeof(name) - 1);
    for (int i = 0; i < 200; i++)
        memtrace_mark(name);
    say("alive");
    return 0;
}

static atomic_bool done;
static void *toggle(void *argument)
{
    while (!atomic_load(&done)) {
        memtrace_stop();
        memtrace_start();
    }
    return argument;
}

static int toggled(void)
{
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, toggle, NULL);
    for (int i = 0; i < 20000; i++) {
        void *block = realloc(malloc(876), 877);
        free(block);
    }
    atomic_store(&done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    memtrace_start();
    allocate(10, 878);
    say("alive");
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"in_order", in_order},
        {"across", across},
        {"long_name", long_name},
        {"toggled", toggled},
    };
    return RUN_MODE(modes, argc, argv);
}
