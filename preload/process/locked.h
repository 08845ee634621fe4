/* The hook of mlockall. */
#ifndef MEMTRACE_PROCESS_LOCKED_H
#define MEMTRACE_PROCESS_LOCKED_H

/* Look up the next function. From init. */
void locked_resolve(void);

#endif
