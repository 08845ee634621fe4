#include "util/process_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int process_stat(pid_t pid, struct process_stat *stat)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t length = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    if (length <= 0) return -1;
    text[length] = '\0';
    /* The name, field 2, may hold blanks and parentheses itself: it ends at the last one. */
    char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ' || at[2] == '\0') return -1;
    *stat = (struct process_stat){.state = at[2]};
    at += 3;
    uint64_t fields[23] = {0}; /* numbered as in proc(5) */
    for (int field = 4; field <= 22; field++)
        fields[field] = strtoull(at, &at, 10);
    stat->parent = (pid_t)fields[4];
    stat->waited_children_faults = fields[11] + fields[13];
    stat->start_ticks = fields[22];
    return 0;
}
