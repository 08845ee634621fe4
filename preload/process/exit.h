/* How a process image ends: the exit record, and the cut of the file. */
#ifndef MEMTRACE_PROCESS_EXIT_H
#define MEMTRACE_PROCESS_EXIT_H

/* Look up the next functions of all exit and exec paths. From init. */
void exit_resolve(void);

/* Register the handler that runs behind every destructor. From the constructor. */
void exit_register(void);

#endif
