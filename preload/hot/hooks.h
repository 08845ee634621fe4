/* Declarations that the hooks need beyond <stdlib.h>: functions newer than the C library's headers, and the
 * recorder's own interface for memtrace.h. */
#ifndef MEMTRACE_HOT_HOOKS_H
#define MEMTRACE_HOT_HOOKS_H

#include <stddef.h>
#include <stdint.h>

/* C23, 7.24.3.4 and 7.24.3.5: equivalent to free, so they are passed on as free. Looking them up would make
 * dlsym allocate where the C library lacks them (init.c). */
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);

/* For memtrace.h, found by dlsym. */
void memtrace_recorder_allocated(void *block, size_t size);
void memtrace_recorder_freed(void *block);

/* Our realloc, whoever's the program's is: an executable's own definition comes before every library's. */
void *own_realloc(void *old, size_t size) __attribute__((visibility("hidden")));

extern size_t recorder_page_size; /* bytes */

#endif
