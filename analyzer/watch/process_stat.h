/* The few fields of /proc/PID/stat that watching needs. Source: proc(5). */
#ifndef ANALYZER_WATCH_PROCESS_STAT_H
#define ANALYZER_WATCH_PROCESS_STAT_H

#include <stdint.h>
#include <sys/types.h>

struct process_stat {
    char state; /* R S D T t Z ... */
    pid_t parent;
    uint64_t waited_children_faults; /* minor and major, of the children that it has waited for */
};

/* 0, or -1: there is no such process. Async-signal-safe, needs no memory. */
int process_stat(pid_t pid, struct process_stat *stat);

#endif
