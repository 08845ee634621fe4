/* The interposed allocation functions: call the next one, record, nothing else. What the program sees is the
 * next function's result and errno, whatever the recorder did: recording makes raw system calls only, and
 * what may touch errno (libunwind) restores it.
 *
 * A free is recorded before it is done and an allocation after: per address, times then order correctly
 * across threads. The guard encloses our work alone, so a signal handler may come between call and record.
 *
 * What is recorded is a function of its own, entered by a jump: the exported one then needs no frame for the
 * common case of a sampled run, which is to pass the call on. (-foptimize-sibling-calls, Makefile. Were it a
 * call after all, stacks would begin in a hook: tests/preload/unwind_live.t.)
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

#define EXPORT   __attribute__((visibility("default")))
#define RECORDED static __attribute__((noinline))

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

/* Whether an allocation of SIZE bytes passes unrecorded: decided before the call, which is then all there is
 * left to do. */
static inline __attribute__((always_inline)) bool passes(size_t size)
{
    unsigned how = selective();
    return unlikely(how != 0) && ((how & RECORDER_PAUSED) || !sample_chosen(size));
}

/* An allocation that does not pass. */
static inline __attribute__((always_inline)) void allocated(unsigned operation, unsigned entry,
                                                            size_t alignment, size_t size, void *block)
{
    if (unlikely(selective() & RECORDER_SAMPLED) && block != NULL)
        slow_sampled_insert(sampled_key(block, operation & TRACE_POOL));
    record_allocated(operation, entry, alignment, size, block);
}

static inline __attribute__((always_inline)) void record_freed(unsigned operation, void *block)
{
    struct lane *lane = recorder_enter();
    if (unlikely(lane == NULL)) return;
    record_free(lane, operation, block);
    recorder_leave(lane);
}

/* Whether the free of BLOCK goes unrecorded. */
static inline __attribute__((always_inline)) bool free_passes(void *block, bool pool)
{
    return unlikely(selective() & RECORDER_SAMPLED) && !sampled_take(sampled_key(block, pool));
}

RECORDED void *malloc_recorded(size_t size)
{
    void *block = next_malloc(size);
    allocated(TRACE_MALLOC, TRACE_ENTRY_MALLOC, 0, size, block);
    return block;
}

/* In a function of its own as well: malloc would need a frame for the call. */
RECORDED void *malloc_reached(size_t size)
{
    return sample_reached(size) ? malloc_recorded(size) : next_malloc(size);
}

EXPORT void *malloc(size_t size)
{
    unsigned how = selective();
    if (likely(how == 0)) return malloc_recorded(size);
    if ((how & RECORDER_PAUSED) || sample_passes(size)) return next_malloc(size);
    return malloc_reached(size);
}

RECORDED void *calloc_recorded(size_t count, size_t size, size_t total)
{
    void *block = next_calloc(count, size);
    allocated(TRACE_CALLOC, TRACE_ENTRY_CALLOC, 0, total, block);
    return block;
}

RECORDED void *calloc_reached(size_t count, size_t size, size_t total)
{
    return sample_reached(total) ? calloc_recorded(count, size, total) : next_calloc(count, size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) total = SIZE_MAX;
    unsigned how = selective();
    if (likely(how == 0)) return calloc_recorded(count, size, total);
    if ((how & RECORDER_PAUSED) || sample_passes(total)) return next_calloc(count, size);
    return calloc_reached(count, size, total);
}

/* What of a realloc is recorded, decided before it is done; 0: it passes. */
enum { OLD_RECORDED = 1, NEW_RECORDED = 2 };

static inline __attribute__((always_inline)) unsigned reallocation_plan(void *old, size_t size)
{
    unsigned how = selective();
    if (likely(how == 0)) return OLD_RECORDED | NEW_RECORDED;
    unsigned plan = passes(size) ? 0 : NEW_RECORDED;
    if (old != NULL && (!(how & RECORDER_SAMPLED) || sampled_take(sampled_key(old, false))))
        plan |= OLD_RECORDED;
    return plan;
}

/* What became of a realloc that is recorded. A block given to it was gone before the call, and is restored
 * after it when that fails. */
static inline __attribute__((always_inline)) void reallocated(unsigned plan, unsigned operation,
                                                              unsigned entry, void *old, size_t size,
                                                              void *block, int errno_before)
{
    if (old == NULL) {
        bool array = operation == TRACE_REALLOCARRAY;
        allocated(array ? TRACE_REALLOCARRAY_NULL : TRACE_REALLOC_NULL, entry, 0, size, block);
        return;
    }
    if (likely(block != NULL && (plan & NEW_RECORDED))) {
        allocated(operation, entry, 0, size, block);
        return;
    }
    /* A moved block that is not recorded (paused, or not chosen): to the trace it was freed. */
    bool failed = block == NULL && !(size == 0 && errno == errno_before);
    if (failed && (plan & OLD_RECORDED) && unlikely(selective() & RECORDER_SAMPLED))
        slow_sampled_insert(sampled_key(old, false));
    struct unwind_registers from = frame_of_caller();
    struct lane *lane = recorder_enter();
    if (lane == NULL) return;
    record_realloc_end(lane, failed ? TRACE_REALLOC_FAILED : TRACE_REALLOC_FREED, size, &from);
    recorder_leave(lane);
}

RECORDED void *realloc_recorded(void *old, size_t size, unsigned plan)
{
    int errno_before = errno;
    if (old != NULL) record_freed(TRACE_REALLOC_BEGIN, old);
    void *block = next_realloc(old, size);
    reallocated(plan, TRACE_REALLOC, TRACE_ENTRY_REALLOC, old, size, block, errno_before);
    return block;
}

EXPORT void *realloc(void *old, size_t size)
{
    if (unlikely(bootstrap_owns(old))) return bootstrap_realloc(old, size);
    unsigned plan = reallocation_plan(old, size);
    if (plan == 0) return next_realloc(old, size);
    return realloc_recorded(old, size, plan);
}

/* In assembly: an alias in C must repeat every attribute that the C library's header has. */
__asm__(".globl own_realloc\n\t.hidden own_realloc\n\t.set own_realloc, realloc");

/* realloc, but for a product that overflowed: then there is no block to be had. */
static inline void *array_realloc(void *old, size_t total, bool overflow)
{
    if (likely(!overflow)) return next_realloc(old, total);
    errno = ENOMEM;
    return NULL;
}

RECORDED void *reallocarray_recorded(void *old, size_t total, bool overflow, unsigned plan)
{
    int errno_before = errno;
    if (old != NULL) record_freed(TRACE_REALLOC_BEGIN, old);
    void *block = array_realloc(old, total, overflow);
    reallocated(plan, TRACE_REALLOCARRAY, TRACE_ENTRY_REALLOCARRAY, old, total, block, errno_before);
    return block;
}

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
    unsigned plan = reallocation_plan(old, total);
    if (plan == 0) return array_realloc(old, total, overflow);
    return reallocarray_recorded(old, total, overflow, plan);
}

RECORDED void free_recorded(void *block)
{
    record_freed(TRACE_FREE, block);
    next_free(block);
}

static inline __attribute__((always_inline)) void free_any(void *block)
{
    if (unlikely(block == NULL || bootstrap_owns(block))) return;
    if (free_passes(block, false))
        next_free(block);
    else
        free_recorded(block);
}

EXPORT void free(void *block)
{
    free_any(block);
}

EXPORT void free_sized(void *block, size_t size)
{
    (void)size;
    free_any(block);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment, (void)size;
    free_any(block);
}

/* The aligned ones are rare enough to do with one function each. */
EXPORT int posix_memalign(void **block, size_t alignment, size_t size)
{
    bool unrecorded = passes(size);
    int error = next_posix_memalign(block, alignment, size);
    void *made = error == 0 ? *block : NULL;
    if (!unrecorded) allocated(TRACE_ALIGNED, TRACE_ENTRY_POSIX_MEMALIGN, alignment, size, made);
    return error;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    bool unrecorded = passes(size);
    void *block = next_aligned_alloc(alignment, size);
    if (!unrecorded) allocated(TRACE_ALIGNED, TRACE_ENTRY_ALIGNED_ALLOC, alignment, size, block);
    return block;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    bool unrecorded = passes(size);
    void *block = next_memalign(alignment, size);
    if (!unrecorded) allocated(TRACE_ALIGNED, TRACE_ENTRY_MEMALIGN, alignment, size, block);
    return block;
}

EXPORT void *valloc(size_t size)
{
    bool unrecorded = passes(size);
    void *block = next_valloc(size);
    if (!unrecorded) allocated(TRACE_ALIGNED, TRACE_ENTRY_VALLOC, recorder_page_size, size, block);
    return block;
}

EXPORT void *pvalloc(size_t size)
{
    bool unrecorded = passes(size);
    void *block = next_pvalloc(size);
    if (!unrecorded) allocated(TRACE_ALIGNED, TRACE_ENTRY_PVALLOC, recorder_page_size, size, block);
    return block;
}

/* What memtrace.h calls when the program is recorded: blocks of the program's own pools. */
EXPORT void memtrace_recorder_allocated(void *block, size_t size)
{
    if (block == NULL || passes(size)) return;
    allocated(TRACE_MALLOC | TRACE_POOL, TRACE_ENTRY_MALLOC, 0, size, block);
}

EXPORT void memtrace_recorder_freed(void *block)
{
    if (block == NULL || free_passes(block, true)) return;
    record_freed(TRACE_FREE | TRACE_POOL, block);
}
