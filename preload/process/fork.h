/* Fork children: seen by a page that fork wipes, prepared by hooks where there are some. */
#ifndef MEMTRACE_PROCESS_FORK_H
#define MEMTRACE_PROCESS_FORK_H

/* Look up the next fork. From init. */
void fork_resolve(void);

#endif
