/* What the recorders in a tree of processes say to `memtrace run`: one line each, appended to a memory file
 * whose path is in the environment as MEMTRACE_STATUS. No descriptor is inherited: each recorder opens the
 * path (/proc/PID/fd/N, PID being ours), writes and closes. The lines are
 *
 *     trace PID PATH         an image began to record to PATH (absolute)
 *     untraced PID REASON    it does not, and why
 *
 * with PID as that process sees itself (another pid namespace: other numbers). */
#ifndef ANALYZER_WATCH_STATUS_H
#define ANALYZER_WATCH_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct status_line {
    bool traced;
    int64_t pid;
    const char *text; /* PATH or REASON; belongs to the status */
};

struct status {
    int descriptor;            /* -1: could not be made; everything goes on, without lines */
    struct status_line *lines; /* in the order written; filled by status_read */
    size_t count;
    /* private */
    char *bytes;
    size_t capacity;
};

/* Make the memory file (close-on-exec). */
void status_begin(struct status *status);
/* Its path, for the environment: "" when there is none. */
void status_path(const struct status *status, char *path, size_t size);
/* Read all lines that are complete by now. Lines that are no status are left out. */
void status_read(struct status *status);
void status_end(struct status *status);

#endif
