/* flags: -pthread -ldl */
/* Libraries that come and go. argv[2]: the folder that libhostile_a.so and libhostile_b.so are in. */
#include "hostile.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

static const char *folder;

static void *open_library(const char *name, bool own_namespace)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    void *library = own_namespace ? dlmopen(LM_ID_NEWLM, path, RTLD_NOW) : dlopen(path, RTLD_NOW);
    if (library == NULL) {
        say("%s", dlerror());
        _exit(59);
    }
    return library;
}

static void *turn_of(void *library)
{
    return dlsym(library, "hostile_turn");
}

static void one_turn(const char *name, unsigned count)
{
    void *library = open_library(name, false);
    ((void (*)(unsigned))turn_of(library))(count);
    dlclose(library);
}

static int turns(void)
{
    void *first = NULL;
    unsigned same = 0;
    for (int i = 0; i < 100; i++) {
        void *library = open_library(i & 1 ? "libhostile_b.so" : "libhostile_a.so", false);
        void *turn = turn_of(library);
        if (i < 2) first = turn;
        if (i >= 2 && ((uintptr_t)turn ^ (uintptr_t)first) >> 12 == 0) same++;
        ((void (*)(unsigned))turn)(10);
        dlclose(library);
    }
    say("%s", same > 50 ? "at one address" : "at addresses of their own");
    return 0;
}

static atomic_bool done;
static void *churn(void *argument)
{
    while (!atomic_load(&done))
        allocate(50, 864);
    return argument;
}

static int beside_threads(void)
{
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, churn, NULL);
    for (int i = 0; i < 200; i++)
        one_turn(i & 1 ? "libhostile_b.so" : "libhostile_a.so", 10);
    atomic_store(&done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    say("alive");
    return 0;
}

/* A namespace has a C library of its own, whose malloc nobody interposes; what was loaded before is not
 * disturbed. */
static int own_namespace(void)
{
    for (int i = 0; i < 5; i++) {
        void *library = open_library("libhostile_a.so", true);
        ((void (*)(unsigned))turn_of(library))(10);
        dlclose(library);
    }
    allocate(20000, 777);
    say("alive");
    return 0;
}

static int errors(void)
{
    say("%d", dlopen("/no/such/library.so", RTLD_NOW) == NULL);
    say("%s", dlerror());
    say("%d", dlsym(RTLD_DEFAULT, "no_such_symbol") == NULL);
    say("%s", dlerror());
    say("%d", dlerror() == NULL);
    void *library = open_library("libhostile_a.so", false);
    say("%d %d", dlclose(library), dlerror() == NULL);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"turns", turns},
        {"beside_threads", beside_threads},
        {"own_namespace", own_namespace},
        {"errors", errors},
    };
    folder = argc > 2 ? argv[2] : ".";
    return RUN_MODE(modes, argc, argv);
}
