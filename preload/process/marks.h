/* Named moments, and pausing: what memtrace.h calls in the recorder. */
#ifndef MEMTRACE_PROCESS_MARKS_H
#define MEMTRACE_PROCESS_MARKS_H

/* Commit a mark of KIND (enum trace_mark_kind) with NAME (cut at 1,024 bytes). */
void mark_write(unsigned kind, const char *name);

/* For memtrace.h, found by dlsym. */
void memtrace_recorder_mark(const char *name);
void memtrace_recorder_start(void);
void memtrace_recorder_stop(void);

#endif
