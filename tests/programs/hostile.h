/* For programs that make a recorder's life hard: they say what they did with write, which does not allocate,
 * and allocate blocks of sizes that nothing else in the process asks for, so that a trace can be searched for
 * them. */
#ifndef MEMTRACE_TESTS_HOSTILE_H
#define MEMTRACE_TESTS_HOSTILE_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One line on stdout. */
__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
    char line[512];
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    __builtin_va_end(arguments);
    if (length < 0 || length > (int)sizeof(line) - 2) length = 0;
    line[length] = '\n';
    if (write(1, line, (size_t)length + 1) != length + 1) _exit(99);
}

/* COUNT blocks of SIZE bytes, each freed at once. */
static inline void allocate(unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        char *volatile block = malloc(size);
        if (block == NULL) _exit(98);
        block[0] = 1;
        free(block);
    }
}

/* A table of the program's modes, the name of one in argv[1]. */
struct mode {
    const char *name;
    int (*run)(void);
};

static inline int run_mode(const struct mode *modes, size_t count, int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < count; i++)
        if (strcmp(argv[1], modes[i].name) == 0) return modes[i].run();
    for (size_t i = 0; i < count; i++)
        say("%s", modes[i].name);
    return 97;
}
#define RUN_MODE(modes, argc, argv) run_mode(modes, sizeof(modes) / sizeof((modes)[0]), argc, argv)

#endif
