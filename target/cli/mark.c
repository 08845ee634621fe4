#include "mark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "memtrace/memtrace.h"

void scanner_mark(const char *name)
{
    static struct timespec first;
    const char *wanted = getenv("SCANNER_MARKS");
    struct timespec now;
    memtrace_mark(name); /* nothing, unless the program is recorded */
    if (!wanted || strcmp(wanted, "1") != 0) return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (first.tv_sec == 0) first = now;
    double seconds = (double)(now.tv_sec - first.tv_sec) + (double)(now.tv_nsec - first.tv_nsec) * 1e-9;
    fprintf(stderr, "scanner: mark %s at %.6f s\n", name, seconds);
}
