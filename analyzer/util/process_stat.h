/* The few fields of /proc/PID/stat that are needed here. Source: proc(5). */
#ifndef ANALYZER_UTIL_PROCESS_STAT_H
#define ANALYZER_UTIL_PROCESS_STAT_H

#include <stdint.h>
#include <sys/types.h>

struct process_stat {
    char state; /* R S D T t Z ... */
    pid_t parent;
    uint64_t waited_children_faults; /* minor and major, of the children that it has waited for */
    uint64_t start_ticks; /* since boot, suspended time included, in units of sysconf(_SC_CLK_TCK) */
};

/* 0, or -1: there is no such process. Async-signal-safe, needs no memory. */
int process_stat(pid_t pid, struct process_stat *stat);

#endif
