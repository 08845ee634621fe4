/* flags: -pthread -ldl */
/* Libraries that come and go. argv[2]: the folder that libhostile_a.so and libhostile_b.so are in. */
#include "hostile.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

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

static void *turns_in_thread(void *argument)
{
    for (int i = 0; i < 100; i++)
        one_turn(i & 1 ? "libhostile_b.so" : "libhostile_a.so", 10);
    return argument;
}

/* Four threads open and close the same two, so that some are closed under another's feet, but for the count
 * of their users. */
static int in_threads(void)
{
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, turns_in_thread, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    allocate(20000, 777);
    say("alive");
    return 0;
}

/* A library that defines malloc and kin. Its own calls lead there by RTLD_DEEPBIND only; those of the program
 * never do. */
static int defines_malloc(void)
{
    static const int flags[] = {RTLD_LOCAL, RTLD_GLOBAL, RTLD_LOCAL | RTLD_DEEPBIND,
                                RTLD_GLOBAL | RTLD_DEEPBIND};
    char path[4096];
    snprintf(path, sizeof(path), "%s/libhostile_malloc.so", folder);
    for (int i = 0; i < 4; i++) {
        void *library = dlopen(path, RTLD_NOW | flags[i]);
        if (library == NULL) return 58;
        int own = ((int (*)(unsigned))dlsym(library, "hostile_own_blocks"))(100);
        void *before = malloc(50);
        say("%d of its own; %s", own,
            dlsym(RTLD_DEFAULT, "malloc") == (void *)malloc ? "as before" : "another malloc");
        free(before);
        dlclose(library);
    }
    allocate(20000, 777);
    return 0;
}

static void copy_library(const char *name, const char *to)
{
    char path[4096];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int from = open(path, O_RDONLY), fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (from < 0 || fd < 0 || fstat(from, &status) != 0) _exit(57);
    for (off_t left = status.st_size; left > 0;) {
        ssize_t sent = sendfile(fd, from, NULL, (size_t)left);
        if (sent <= 0) _exit(56);
        left -= sent;
    }
    close(from);
    close(fd);
}

static int count_module(struct dl_phdr_info *information, size_t bytes, void *count)
{
    (void)information;
    (void)bytes;
    allocate(1, 866); /* with the loader's lock held */
    ++*(int *)count;
    return 0;
}

/* 200 libraries at once, each allocates in its turn; then the static thread-local storage is used up. */
static int many(void)
{
    void *libraries[200];
    char name[64];
    int before = 0, after = 0, local = 0;
    dl_iterate_phdr(count_module, &before);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "./copy_%d.so", i);
        copy_library("libhostile_a.so", name);
        libraries[i] = dlopen(name, RTLD_NOW);
        if (libraries[i] == NULL) return 55;
        ((void (*)(unsigned))turn_of(libraries[i]))(5);
    }
    dl_iterate_phdr(count_module, &after);
    say("%d more", after - before);
    for (int i = 0; i < 200; i++)
        dlclose(libraries[i]);
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "./local_%d.so", i);
        copy_library("libhostile_tls.so", name);
        void *library = dlopen(name, RTLD_NOW);
        local += library != NULL && ((int (*)(void))dlsym(library, "hostile_local"))() == 1;
    }
    say("%d with thread-local storage of their own", local);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"turns", turns},   {"beside_threads", beside_threads}, {"own_namespace", own_namespace},
        {"errors", errors}, {"in_threads", in_threads},         {"defines_malloc", defines_malloc},
        {"many", many},
    };
    folder = argc > 2 ? argv[2] : ".";
    return RUN_MODE(modes, argc, argv);
}
