/* How a process image ends: the exit record, and the cut of the file. Exec is in exec.h. */
#ifndef MEMTRACE_PROCESS_EXIT_H
#define MEMTRACE_PROCESS_EXIT_H

#include <stdbool.h>
#include <stdint.h>

/* Look up the next functions of all exit paths. From init. */
void exit_resolve(void);

/* Register the handler that runs behind every destructor. From the constructor. */
void exit_register(void);

/* Whether this process is the one whose trace is mapped, and may be asked so. */
bool image_is_ours(void);

/* How the image ended, into the trace's header. KIND: enum trace_exit_kind. */
void exit_record(unsigned kind, int code, uint64_t stack_pointer);

#endif
