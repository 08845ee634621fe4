/* The next functions: those the program would have called without us. Plain pointers, resolved once by
 * init (RTLD_NEXT); until then they lead to init itself, so that hooks need no check of their own. */
#ifndef MEMTRACE_HOT_NEXT_H
#define MEMTRACE_HOT_NEXT_H

#include <stddef.h>

extern void *(*next_malloc)(size_t size);
extern void *(*next_calloc)(size_t count, size_t size);
extern void *(*next_realloc)(void *block, size_t size);
extern void (*next_free)(void *block);
extern int (*next_posix_memalign)(void **block, size_t alignment, size_t size);
extern void *(*next_aligned_alloc)(size_t alignment, size_t size);
extern void *(*next_memalign)(size_t alignment, size_t size);
extern void *(*next_valloc)(size_t size);
extern void *(*next_pvalloc)(size_t size);
extern void *(*next_reallocarray)(void *block, size_t count, size_t size);
extern size_t (*next_malloc_usable_size)(void *block);

#endif
