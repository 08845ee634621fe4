/* After a recorded program has ended: complete its traces, and say what there is. */
#ifndef ANALYZER_WATCH_FINISH_H
#define ANALYZER_WATCH_FINISH_H

#include <stddef.h>
#include "watch/clock.h"
#include "watch/rss.h"
#include "watch/spawn.h"
#include "watch/status.h"

struct recorded {
    size_t traces;      /* of all processes */
    const char *path;   /* of the program's last image; NULL: that has none */
    const char *other;  /* of another process or an earlier image; NULL: none */
    const char *reason; /* why the program's last image has none; NULL: nobody said */
    char trouble[256];  /* why nothing could be added to its trace, a clause; "": it was */
};

/* Put SAMPLER's samples and the end of CHILD, which was reaped and ended at ENDED, into the traces that
 * STATUS lists for its pid, one for each image that the process was, and cut them; cut those of other
 * processes that are gone. RECORDED borrows from STATUS. */
void finish_traces(const struct status *status, const struct child *child, const struct rss_sampler *sampler,
                   struct moment ended, struct recorded *recorded);

#endif
