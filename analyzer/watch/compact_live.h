/* While a program runs: what of its traces is finished is compressed from outside, and the raw form gives its
 * place on the disk back. A thread of our own does it; the program notices nothing. Source:
 * docs/trace-format.md, "Two files". */
#ifndef ANALYZER_WATCH_COMPACT_LIVE_H
#define ANALYZER_WATCH_COMPACT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "watch/status.h"

struct compact_live;

/* Begin to watch the traces that STATUS names as they come. DISK_BYTES: what all of them together may take
 * on the disk; 0: half of what is free there when the first one begins, of a file system in memory a
 * sixteenth. When it is reached recording stops. PROGRAM: the pid whose traces are left open until
 * compact_live_finish, since something is still to be added to them. Never NULL. */
struct compact_live *compact_live_begin(const struct status *status, uint64_t disk_bytes, int64_t program);

/* Stop watching; what has not been compressed stays as it is. Blocks until the block at hand is written. */
void compact_live_end(struct compact_live *live);

struct compact_live_result {
    bool stopped;         /* recording was stopped: the disk's bound was reached, */
    uint64_t bound_bytes; /* which was this */
    bool no_holes;        /* the file system does not punch holes: raw forms took their place to the end */
    size_t unfinished;    /* traces left in two files, since their processes still run or could not be told to
                             have ended */
    const char *trouble;  /* why one could not be compressed, a clause; NULL: none */
    const char *in_two;   /* one that is left in two files; NULL: none */
};

/* After compact_live_end, when nothing more is added to any trace: each one whose process has ended becomes
 * one compact file under its own name. LIVE is freed, RESULT's texts stay until compact_live_result_free. */
void compact_live_finish(struct compact_live *live, struct compact_live_result *result);
void compact_live_result_free(struct compact_live_result *result);

#endif
