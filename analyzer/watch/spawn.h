/* Start a program and stay out of its way: what arrives for us is passed on, what the terminal sends to the
 * whole process group is not passed on a second time, and when it stops, we stop. */
#ifndef ANALYZER_WATCH_SPAWN_H
#define ANALYZER_WATCH_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    bool ended;     /* it is a zombie until child_reap */
    bool signalled; /* how it ended: by signal `code`, or with status `code` */
    int code;
    struct rusage usage;             /* filled by child_reap */
    uint64_t waited_children_faults; /* page faults of its own waited-for children; filled with `ended` */
    uint64_t rss_before_exec_bytes;  /* at most: `usage` counts that as well */
    /* private */
    bool resumed; /* we were stopped with it, and no SIGCONT has been seen since */
    sigset_t program_mask, passed;
    struct sigaction program_sigchld, program_sigpipe;
};

/* Start ARGV (NULL at its end, looked up along PATH as execvp does) with ENVIRONMENT. The program gets the
 * signal mask, the dispositions and the descriptors that we were started with (our own are close-on-exec).
 * 0: it runs (exec has succeeded); else the errno of the exec, or of the fork as a negative number; nothing
 * is reported, and no process is left. Blocks, for good, all signals that can be passed on; one child only.
 */
int child_start(struct child *child, char **argv, char **environment);

/* Wait until the program has ended or CLOCK_MONOTONIC has reached DEADLINE_NS, passing on signals
 * and following it into stops meanwhile. True: it has ended (child->ended, signalled, code are set). */
bool child_wait(struct child *child, uint64_t deadline_ns);

/* Give the zombie back to the kernel, keeping its resource usage. Its pid may be used again afterwards. */
void child_reap(struct child *child);

#endif
