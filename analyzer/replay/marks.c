#include "replay/marks.h"

#include <string.h>

static enum baseline baseline_of(const struct event *event)
{
    static const char name[] = "baseline";

    if (event->mark_kind == TRACE_MARK_MAIN) return BASELINE_MAIN;
    if (event->mark_kind == TRACE_MARK_USER && event->text_length == sizeof(name) - 1 &&
        memcmp(event->text, name, sizeof(name) - 1) == 0)
        return BASELINE_MARK;
    return BASELINE_START;
}

bool marks_apply(struct marks *marks, const struct event *event)
{
    enum baseline here = baseline_of(event);

    if (event->mark_kind == TRACE_MARK_STOP) marks->stopped_once = true;
    if (here <= marks->baseline) return false;
    marks->baseline = here;
    return true;
}

const char *baseline_name(enum baseline baseline)
{
    static const char *const names[] = {"start", "main", "mark"};

    return names[baseline];
}
