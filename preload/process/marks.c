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
    if (atomic_load(&recorder.selective) & RECORDER_PAUSED) return;
    mark_write(TRACE_MARK_STOP, "");
    atomic_fetch_or(&recorder.selective, RECORDER_PAUSED);
}

EXPORT void memtrace_recorder_start(void)
{
    if (!(atomic_load(&recorder.selective) & RECORDER_PAUSED)) return;
    atomic_fetch_and(&recorder.selective, ~RECORDER_PAUSED);
    mark_write(TRACE_MARK_START, "");
}
