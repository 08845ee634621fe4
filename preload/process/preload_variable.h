/* LD_PRELOAD in the environment of the next image, where the recorder's file cannot be read any more: behind
 * a chroot, as another user. The loader would say so on standard error, and nobody else. */
#ifndef MEMTRACE_PROCESS_PRELOAD_VARIABLE_H
#define MEMTRACE_PROCESS_PRELOAD_VARIABLE_H

#include <alloca.h>
#include <stdbool.h>
#include <stddef.h>

struct preload_variable {
    size_t count;       /* variables in the environment */
    size_t index;       /* of LD_PRELOAD */
    size_t value_bytes; /* of it, with its name and the end */
};

/* Whether ENVIRONMENT asks for the recorder and its file cannot be read: then *FOUND. May run in the child of
 * a vfork. */
bool preload_variable_is_stale(char *const *environment, struct preload_variable *found);

/* ENVIRONMENT as FOUND without the recorder, in COPY (found->count + 1 pointers), whose LD_PRELOAD, where
 * others are left in it, is in VALUE (found->value_bytes). Returns COPY. */
char *const *preload_variable_drop(char *const *environment, const struct preload_variable *found,
                                   char **copy, char *value);

/* ENVIRONMENT for the next image: itself, or a copy on the caller's stack. */
#define PRELOAD_VARIABLE_FOR_EXEC(environment)                                                               \
    __extension__({                                                                                          \
        struct preload_variable stale_;                                                                      \
        char *const *kept_ = (environment);                                                                  \
        if (preload_variable_is_stale(kept_, &stale_))                                                       \
            kept_ = preload_variable_drop(kept_, &stale_, alloca((stale_.count + 1) * sizeof(char *)),       \
                                          alloca(stale_.value_bytes));                                       \
        kept_;                                                                                               \
    })

#endif
