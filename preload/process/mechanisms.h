/* What recording relies on beyond the documentation of the kernel: tried once, before the first event. */
#ifndef MEMTRACE_PROCESS_MECHANISMS_H
#define MEMTRACE_PROCESS_MECHANISMS_H

#include "memtrace/trace_format.h"

/* Try the mechanisms that recording relies on, on the trace's header: mapped shared from its file, populated,
 * all zero, and so again afterwards. NULL, or which one is missing (static text): then nothing may be
 * recorded. Six system calls the first time; fork children have their parent's verdict. May run inside a
 * hook. */
const char *mechanisms_test(struct trace_header *header);

#endif
