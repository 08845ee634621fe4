/* Whether a descriptor can be opened for a moment without anybody noticing: the number that a thread's open()
 * returns is the lowest free one of a table that all threads share. */
#ifndef MEMTRACE_PROCESS_DESCRIPTORS_H
#define MEMTRACE_PROCESS_DESCRIPTORS_H

#include <stdbool.h>

/* Learn whether the threads of the process can be counted. From init, while there is one. */
void descriptors_init(void);

/* Make the calling thread's descriptors its own, for the short rest of the process; true as well where nobody
 * else has them. False: another thread does, or may. */
bool descriptors_take_leave(void);

#endif
