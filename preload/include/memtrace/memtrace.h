/* memtrace.h: optional calls for programs that want to tell the recorder something.
 *
 * Nothing needs to be linked: the functions are static inline and look the recorder up by dlsym, once per
 * translation unit and call. When the program is not recorded they do nothing, at the price of a load and a
 * branch. All may be called from any thread at any time; none fails, none changes errno.
 *
 * (Weak symbols would be simpler, but in executables that are not position-independent the linker settles
 * them to NULL.) With C libraries before glibc 2.34, link with -ldl. C11 or C++11; GNU C for the atomics. */
#ifndef MEMTRACE_H
#define MEMTRACE_H

#include <dlfcn.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef RTLD_DEFAULT
#define RTLD_DEFAULT ((void *)0) /* glibc hides it without _GNU_SOURCE */
#endif

/* Internal: the recorder's function NAME, or NULL; *CACHE keeps the answer, 1 standing for "not recorded".
 * dlsym allocates when it fails: it is asked once, and once only. */
static inline void *memtrace_find(void **cache, const char *name)
{
    void *found = __atomic_load_n(cache, __ATOMIC_ACQUIRE);
    if (found == NULL) {
        found = dlsym(RTLD_DEFAULT, name);
        if (found == NULL) {
            dlerror();
            found = (void *)1;
        }
        __atomic_store_n(cache, found, __ATOMIC_RELEASE);
    }
    return found == (void *)1 ? NULL : found;
}

/* A moment with a name, shown in timelines and reports; spans between marks are phases. NAME: up to 1,024
 * bytes are kept. A mark called "baseline" sets the baseline that growth is measured from. */
static inline void memtrace_mark(const char *name)
{
    static void *cache;
    void *function = memtrace_find(&cache, "memtrace_recorder_mark");
    if (function != NULL) ((void (*)(const char *))function)(name);
}

/* Stop recording allocations of all threads; frees of recorded blocks still are. */
static inline void memtrace_stop(void)
{
    static void *cache;
    void *function = memtrace_find(&cache, "memtrace_recorder_stop");
    if (function != NULL) ((void (*)(void))function)();
}

/* Record allocations again after memtrace_stop. */
static inline void memtrace_start(void)
{
    static void *cache;
    void *function = memtrace_find(&cache, "memtrace_recorder_start");
    if (function != NULL) ((void (*)(void))function)();
}

/* The program's own pool handed out SIZE bytes at BLOCK (call after it did; NULL is ignored). Pool blocks are
 * kept apart from those of malloc, which they usually lie in. */
static inline void memtrace_allocated(void *block, size_t size)
{
    static void *cache;
    void *function = memtrace_find(&cache, "memtrace_recorder_allocated");
    if (function != NULL) ((void (*)(void *, size_t))function)(block, size);
}

/* The pool takes BLOCK back (call before it does; NULL is ignored). */
static inline void memtrace_freed(void *block)
{
    static void *cache;
    void *function = memtrace_find(&cache, "memtrace_recorder_freed");
    if (function != NULL) ((void (*)(void *))function)(block);
}

#ifdef __cplusplus
}
#endif

#endif
