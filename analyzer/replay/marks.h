/* The marks that a measurement starts from. */
#ifndef ANALYZER_REPLAY_MARKS_H
#define ANALYZER_REPLAY_MARKS_H

#include <stdbool.h>
#include <stdint.h>
#include "reader/event.h"

/* Where the baseline is taken, the weaker first: at the recorder's start; at main; at the program's own
 * mark named "baseline". The first mark of each kind counts. */
enum baseline { BASELINE_START, BASELINE_MAIN, BASELINE_MARK };

struct marks {
    enum baseline baseline;
    bool
        stopped_once; /* a mark of kind stop was seen: a free of an unknown block is no fault from there on */
};

/* Take note of EVENT, a mark. True: the baseline is at this moment, whatever it was before. */
bool marks_apply(struct marks *marks, const struct event *event);

/* "start", "main" or "mark". */
const char *baseline_name(enum baseline baseline);

#endif
