/* What only the parent of a recorded process knows, put into its trace once the process is gone: samples of
 * its resident set, how it ended, and the end of the file itself. */
#ifndef ANALYZER_WATCH_OUTSIDE_H
#define ANALYZER_WATCH_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "watch/clock.h"
#include "watch/rss.h"

struct outside_end {
    bool known;     /* false: the image was replaced by exec, and the next one's trace tells the rest */
    bool signalled; /* by signal `code`, or exited with status `code` */
    int code;
    struct moment at;
    uint64_t peak_rss_bytes; /* 0: unknown */
};

/* Append SAMPLES[0..COUNT) to the trace at PATH as one outside chunk, without those from before the trace's
 * start, write the exit record where the recorder wrote none or one that END contradicts, mark the trace as
 * made under `memtrace run`, and cut the file where it ends. The process must be gone, and with it every
 * mapping; a process that still maps the file (vfork) leaves it untouched.
 * 0, or -1 with the reason in REASON[0..SIZE), a clause. */
int outside_append(const char *path, const struct rss_sample *samples, size_t count,
                   const struct outside_end *end, char *reason, size_t size);

/* When the trace at PATH began. False: it cannot be read. */
bool outside_start(const char *path, struct moment *start);

#endif
