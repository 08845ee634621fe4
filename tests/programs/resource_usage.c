/* resource_usage FILE [NAME=VALUE...] COMMAND [ARGUMENT...]: runs COMMAND with these variables set and writes
 * one line to FILE: wall seconds, CPU seconds (with all it waited for), peak RSS in bytes. A small process,
 * because Linux counts into a child's ru_maxrss the memory of the process that it was forked from: measured
 * from Python, everything has at least Python's size. The variables are set here, not by env(1): one exec
 * less in the time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct timespec from, to;
    struct rusage usage;
    int status, first = 2;
    for (; first < argc && strchr(argv[first], '=') != NULL; first++)
        putenv(argv[first]);
    if (first >= argc) {
        dprintf(2, "usage: %s FILE [NAME=VALUE...] COMMAND [ARGUMENT...]\n", argv[0]);
        return 125;
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    pid_t child = vfork();
    if (child == 0) {
        execvp(argv[first], argv + first);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) return 125;
    clock_gettime(CLOCK_MONOTONIC, &to);
    double wall = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    FILE *file = fopen(argv[1], "w");
    if (file == NULL) return 125;
    fprintf(file, "%.6f %.6f %ld\n", wall, seconds(usage.ru_utime) + seconds(usage.ru_stime),
            usage.ru_maxrss * 1024);
    if (fclose(file) != 0) return 125;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
