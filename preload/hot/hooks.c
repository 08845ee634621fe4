/* The interposed allocation functions: call the next one, record, nothing else. What the program sees is the
 * next function's result and errno, whatever the recorder did: recording makes raw system calls only, and
 * what may touch errno (libunwind) restores it.
 *
 * A free is recorded before it is done and an allocation after: per address, times then order correctly
 * across threads. The guard encloses our work alone, so a signal handler may come between call and record.
 *
 * In a sampled trace (hot/sample.h) a block is put into the set of recorded ones before its allocation is
 * recorded: should a handler leave in between, a free without its allocation goes into the trace, which
 * readers of one ignore, and not a block that is never freed. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include "hot/hooks.h"
#include "hot/next.h"
#include "hot/record.h"
#include "hot/sample.h"
#include "process/bootstrap.h"

#define EXPORT __attribute__((visibility("default")))

/* 0 for 0 and 1; a nonsensical alignment beyond 2^63 counts as that. */
static inline uint8_t log2_rounded_up(size_t alignment)
{
    if (alignment <= 1) return 0;
    int bits = 64 - __builtin_clzl(alignment - 1);
    return (uint8_t)(bits > 63 ? 63 : bits);
}

static inline unsigned selective(void)
{
    return atomic_load_explicit(&recorder.selective, memory_order_relaxed);
}

/* Record an allocation; the caller has decided that it is. */
static inline __attribute__((always_inline)) void record_allocated(unsigned operation, unsigned entry,
                                                                   size_t alignment, size_t size, void *block)
{
    struct unwind_registers from = frame_of_caller();
    struct lane *lane = recorder_enter();
    if (unlikely(lane == NULL)) return;
    record_allocation(lane, entry_point(operation, entry, log2_rounded_up(alignment)), size, block, &from);
    recorder_leave(lane);
}

/* Whether to record an allocation where not all are; its free will be, if so. */
static inline bool allocation_selected(unsigned how, unsigned operation, size_t size, const void *block)
{
    if ((how & RECORDER_PAUSED) || !sample_chosen(size)) return false;
    if (block != NULL) slow_sampled_insert(sampled_key(block, operation & TRACE_POOL));
    return true;
}

static inline __attribute__((always_inline)) void allocated(unsigned operation, unsigned entry,
                                                            size_t alignment, size_t size, void *block)
{
    unsigned how = selective();
    if (unlikely(how != 0) && !allocation_selected(how, operation, size, block)) return;
    record_allocated(operation, entry, alignment, size, block);
}

static inline __attribute__((always_inline)) void record_freed(unsigned operation, void *block)
{
    struct lane *lane = recorder_enter();
    if (unlikely(lane == NULL)) return;
    record_free(lane, operation, block);
    recorder_leave(lane);
}

static inline __attribute__((always_inline)) void freed(unsigned operation, void *block)
{
    if (unlikely(selective() & RECORDER_SAMPLED) && !sampled_take(sampled_key(block, operation & TRACE_POOL)))
        return;
    record_freed(operation, block);
}

EXPORT void *malloc(size_t size)
{
    void *block = next_malloc(size);
    allocated(TRACE_MALLOC, TRACE_ENTRY_MALLOC, 0, size, block);
    return block;
}

EXPORT void *calloc(size_t count, size_t size)
{
    void *block = next_calloc(count, size);
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) total = SIZE_MAX;
    allocated(TRACE_CALLOC, TRACE_ENTRY_CALLOC, 0, total, block);
    return block;
}

/* What of a realloc is recorded, decided before it is done. */
struct reallocation {
    bool old_recorded, new_recorded;
    int errno_before;
};

/* A block given to realloc or reallocarray is gone before the call, and restored after it when that fails.
 * The begin is recorded if the block or what comes of it is: the end always has its begin. */
static inline __attribute__((always_inline)) struct reallocation reallocation_begin(void *old, size_t size)
{
    struct reallocation begun = {.old_recorded = true, .new_recorded = true, .errno_before = errno};
    unsigned how = selective();
    if (old == NULL) return begun;
    if (unlikely(how != 0)) {
        if (how & RECORDER_SAMPLED) begun.old_recorded = sampled_take(sampled_key(old, false));
        begun.new_recorded = !(how & RECORDER_PAUSED) && (!(how & RECORDER_SAMPLED) || sample_chosen(size));
        if (!begun.old_recorded && !begun.new_recorded) return begun;
    }
    record_freed(TRACE_REALLOC_BEGIN, old);
    return begun;
}

static inline __attribute__((always_inline)) void reallocation_end(const struct reallocation *begun,
                                                                   unsigned operation, unsigned entry,
                                                                   void *old, size_t size, void *block)
{
    if (old == NULL) {
        bool array = operation == TRACE_REALLOCARRAY;
        allocated(array ? TRACE_REALLOCARRAY_NULL : TRACE_REALLOC_NULL, entry, 0, size, block);
        return;
    }
    bool sampled = unlikely(selective() & RECORDER_SAMPLED);
    if (likely(block != NULL && begun->new_recorded)) {
        if (sampled) slow_sampled_insert(sampled_key(block, false));
        record_allocated(operation, entry, 0, size, block);
        return;
    }
    if (!begun->old_recorded && !begun->new_recorded) return;
    /* A moved block that is not recorded (paused, or not chosen): to the trace it was freed. */
    bool failed = block == NULL && !(size == 0 && errno == begun->errno_before);
    if (sampled && failed && begun->old_recorded) slow_sampled_insert(sampled_key(old, false));
    struct unwind_registers from = frame_of_caller();
    struct lane *lane = recorder_enter();
    if (lane == NULL) return;
    record_realloc_end(lane, failed ? TRACE_REALLOC_FAILED : TRACE_REALLOC_FREED, size, &from);
    recorder_leave(lane);
}

EXPORT void *realloc(void *old, size_t size)
{
    if (unlikely(bootstrap_owns(old))) return bootstrap_realloc(old, size);
    struct reallocation begun = reallocation_begin(old, size);
    void *block = next_realloc(old, size);
    reallocation_end(&begun, TRACE_REALLOC, TRACE_ENTRY_REALLOC, old, size, block);
    return block;
}

/* In assembly: an alias in C must repeat every attribute that the C library's header has. */
__asm__(".globl own_realloc\n\t.hidden own_realloc\n\t.set own_realloc, realloc");

/* glibc's reallocarray calls realloc through its PLT, that is, our hook: passed on as it is, the call would
 * be recorded twice. All allocators define it as realloc with a check for overflow (OpenBSD's definition), so
 * that is what is passed on. */
EXPORT void *reallocarray(void *old, size_t count, size_t size)
{
    size_t total;
    bool overflow = __builtin_mul_overflow(count, size, &total);
    if (overflow) total = SIZE_MAX;
    /* The executable's own realloc must get its own blocks back: the C library's reallocarray leads there. */
    if (unlikely(recorder.preempted)) return next_reallocarray(old, count, size);
    if (unlikely(bootstrap_owns(old))) return bootstrap_realloc(old, total);
    struct reallocation begun = reallocation_begin(old, total);
    void *block = NULL;
    if (unlikely(overflow))
        errno = ENOMEM;
    else
        block = next_realloc(old, total);
    reallocation_end(&begun, TRACE_REALLOCARRAY, TRACE_ENTRY_REALLOCARRAY, old, total, block);
    return block;
}

EXPORT void free(void *block)
{
    if (unlikely(block == NULL)) return;
    if (unlikely(bootstrap_owns(block))) return;
    freed(TRACE_FREE, block);
    next_free(block);
}

EXPORT void free_sized(void *block, size_t size)
{
    if (unlikely(block == NULL || bootstrap_owns(block))) return;
    freed(TRACE_FREE, block);
    (void)size;
    next_free(block);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    if (unlikely(block == NULL || bootstrap_owns(block))) return;
    freed(TRACE_FREE, block);
    (void)alignment, (void)size;
    next_free(block);
}

EXPORT int posix_memalign(void **block, size_t alignment, size_t size)
{
    int error = next_posix_memalign(block, alignment, size);
    allocated(TRACE_ALIGNED, TRACE_ENTRY_POSIX_MEMALIGN, alignment, size, error == 0 ? *block : NULL);
    return error;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    void *block = next_aligned_alloc(alignment, size);
    allocated(TRACE_ALIGNED, TRACE_ENTRY_ALIGNED_ALLOC, alignment, size, block);
    return block;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    void *block = next_memalign(alignment, size);
    allocated(TRACE_ALIGNED, TRACE_ENTRY_MEMALIGN, alignment, size, block);
    return block;
}

EXPORT void *valloc(size_t size)
{
    void *block = next_valloc(size);
    allocated(TRACE_ALIGNED, TRACE_ENTRY_VALLOC, recorder_page_size, size, block);
    return block;
}

EXPORT void *pvalloc(size_t size)
{
    void *block = next_pvalloc(size);
    allocated(TRACE_ALIGNED, TRACE_ENTRY_PVALLOC, recorder_page_size, size, block);
    return block;
}

/* What memtrace.h calls when the program is recorded: blocks of the program's own pools. */
EXPORT void memtrace_recorder_allocated(void *block, size_t size)
{
    if (block != NULL) allocated(TRACE_MALLOC | TRACE_POOL, TRACE_ENTRY_MALLOC, 0, size, block);
}

EXPORT void memtrace_recorder_freed(void *block)
{
    if (block != NULL) freed(TRACE_FREE | TRACE_POOL, block);
}
