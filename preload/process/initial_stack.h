/* What the kernel put on the initial thread's stack: arguments, environment, auxiliary vector. Readable
 * before the C library has set up environ, which is when the first hook may be called. */
#ifndef MEMTRACE_PROCESS_INITIAL_STACK_H
#define MEMTRACE_PROCESS_INITIAL_STACK_H

#include <stddef.h>

/* Exported by glibc's loader; until main runs it points at argc (System V psABI, 3.4.1). Weak: NULL
 * elsewhere. */
extern void *__libc_stack_end __attribute__((weak));

/* The environment as the process image got it, or NULL. Before main only. */
static inline char **initial_environment(void)
{
    if (&__libc_stack_end == NULL || __libc_stack_end == NULL) return NULL;
    long *stack = __libc_stack_end;
    long argc = stack[0];
    if (argc < 0 || argc > 1 << 20) return NULL;
    return (char **)(stack + 1 + argc + 1);
}

#endif
