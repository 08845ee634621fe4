/* Exec: the image ends with the call, unless it fails. */
#ifndef MEMTRACE_PROCESS_EXEC_H
#define MEMTRACE_PROCESS_EXEC_H

/* Look up the next functions of all exec paths. From init. */
void exec_resolve(void);

#endif
