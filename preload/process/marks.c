#include "process/marks.h"

#include "hot/clock.h"
#include "slow/chunk.h"

#define EXPORT __attribute__((visibility("default")))

void mark_write(unsigned kind, const char *name)
{
    struct lane *lane = recorder_enter();
    if (lane == NULL) return;
    uint64_t ticks = clock_ticks();
    uint64_t fields[] = {ticks, kind};
    struct extension mark = {.type = TRACE_MARK,
                             .ticks = ticks,
                             .fields = fields,
                             .count = 2,
                             .first = name,
                             .first_bytes = strnlen(name, 1024)};
    extension_write(lane, &mark);
    recorder_leave(lane);
}

EXPORT void memtrace_recorder_mark(const char *name)
{
    mark_write(TRACE_MARK_USER, name != NULL ? name : "");
}

/* The mark stands in front of what it announces: a reader never meets an unrecorded block before it. */
EXPORT void memtrace_recorder_stop(void)
{
    if (atomic_load(&recorder.paused)) return;
    mark_write(TRACE_MARK_STOP, "");
    atomic_store(&recorder.paused, true);
}

EXPORT void memtrace_recorder_start(void)
{
    if (!atomic_load(&recorder.paused)) return;
    atomic_store(&recorder.paused, false);
    mark_write(TRACE_MARK_START, "");
}
