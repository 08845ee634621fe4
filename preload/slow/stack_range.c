/* What of a stack is proved mapped.
 *
 * A thread's own stack ends at its thread pointer (glibc keeps the descriptor there), the initial thread's at
 * __libc_stack_end. What lies between the stack pointer and that end is asked of the kernel once and
 * remembered, as a range that only ever stretches downwards: stacks do not shrink while their thread lives.
 * It is stretched from its lower end, never by looking from the stack pointer upwards: on a foreign stack (a
 * coroutine's, a signal's) that would run through whatever mappings lie in between, whereas the way down
 * stops at the guard page. Foreign stacks are asked about page by page, in every walk anew: nobody says when
 * one is unmapped. The same holds for the thread's own stack while it runs on another. */
#include "slow/stack_range.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "hot/unwind.h"
#include "machine.h"
#include "syscall.h"

#define KERNEL_MADV_POPULATE_READ 22 /* Linux 5.14; also where the C library's headers are older */

/* Stretching goes in steps of this size, and no further at once: a larger leap (a local array of tens of MiB)
 * is walked page by page instead. */
#define STRETCH_STEP  (64ull << 10)
#define STRETCH_LIMIT (16ull << 20)

/* How the kernel is asked. POPULATE says of a range whether it can be read and touches it; SIGPROCMASK reads
 * one word in the kernel, fails with EFAULT where that is impossible and with EINVAL otherwise (its first
 * argument is no valid operation, so it never changes a mask). */
enum probe { PROBE_NONE, PROBE_POPULATE, PROBE_SIGPROCMASK };

static enum probe probe;
static enum probe probe_found; /* at the start; probe is this, or PROBE_NONE where asking is forbidden */
static uint64_t page_bytes = 4096;
static uint64_t initial_thread; /* thread pointer of the thread whose stack the kernel made */
static uint64_t initial_stack_high;

extern void *__libc_stack_end __attribute__((weak));

static uint64_t page_floor(uint64_t address)
{
    return address & -page_bytes;
}

static bool populate_readable(uint64_t low, uint64_t size)
{
    return raw_syscall(SYS_madvise, (long)low, (long)size, KERNEL_MADV_POPULATE_READ, 0, 0, 0) == 0;
}

static bool sigprocmask_readable(uint64_t address)
{
    enum { NO_OPERATION = -1, KERNEL_SIGSET_BYTES = 8, RESULT_EINVAL = -22 };
    return raw_syscall(SYS_rt_sigprocmask, NO_OPERATION, (long)address, 0, KERNEL_SIGSET_BYTES, 0, 0) ==
           RESULT_EINVAL;
}

bool memory_readable(uint64_t address, uint64_t size)
{
    uint64_t low = page_floor(address);
    uint64_t end = address + size;
    if (end < address || end > ARCH_ADDRESS_END) return false;
    if (probe == PROBE_POPULATE) return populate_readable(low, page_floor(end - 1) + page_bytes - low);
    if (probe == PROBE_NONE) return false;
    for (; low < end; low += page_bytes)
        if (!sigprocmask_readable(low)) return false;
    return true;
}

/* A way of asking counts only if it says yes of our own stack and no of a page that was just unmapped:
 * emulators accept advice that they do not know. */
static bool probe_works(enum probe candidate, uint64_t unmapped)
{
    probe = candidate;
    if (memory_readable((uint64_t)__builtin_frame_address(0), 8) && !memory_readable(unmapped, 8))
        return true;
    probe = PROBE_NONE;
    return false;
}

void stack_range_init(void)
{
    unsigned long page = getauxval(AT_PAGESZ);
    if (page) page_bytes = page;
    initial_thread = frame_thread_pointer();
    if (&__libc_stack_end) initial_stack_high = (uint64_t)__libc_stack_end & ~7ull;
    uint64_t unmapped = ARCH_ADDRESS_END - page_bytes;
    if (!probe_works(PROBE_POPULATE, unmapped)) probe_works(PROBE_SIGPROCMASK, unmapped);
}

void stack_range_may_ask(bool allowed)
{
    probe = allowed ? probe_found : PROBE_NONE;
}

/* Stretch the verified range down to SP. False: SP is not on this thread's own stack, or too far away. */
static bool own_stack_stretch(struct unwind_thread *thread, uint64_t sp)
{
    if (!thread->stack_high) {
        uint64_t self = frame_thread_pointer();
        thread->stack_high = self == initial_thread && initial_stack_high ? initial_stack_high : self;
        thread->verified_low =
            page_floor(thread->stack_high); /* the word at stack_high is mapped, so its page is */
    }
    uint64_t target = page_floor(sp);
    if (sp >= thread->stack_high) return false;
    if (target >= thread->verified_low) return true;
    if (thread->verified_low - target > STRETCH_LIMIT) return false;
    if (sp - thread->refused_low < STRETCH_STEP) return false;
    while (thread->verified_low > target) {
        uint64_t step = thread->verified_low - target;
        if (step > STRETCH_STEP) step = STRETCH_STEP;
        if (!memory_readable(thread->verified_low - step, step)) {
            thread->refused_low = sp & -STRETCH_STEP;
            return false;
        }
        thread->verified_low -= step; /* kept even if a later step fails: it is this stack */
    }
    return true;
}

static void window_set_own(struct stack_window *window, const struct unwind_thread *thread)
{
    window->low = thread->verified_low;
    window->span = thread->stack_high - thread->verified_low - 8;
}

void stack_window_open(struct unwind_thread *thread, struct stack_window *window, uint64_t sp)
{
    if (own_stack_stretch(thread, sp) && thread->stack_high - thread->verified_low >= 8) {
        window_set_own(window, thread);
        return;
    }
    window->low = page_floor(sp - 8);
    window->span = page_bytes - 8;
}

bool stack_window_move(const struct unwind_thread *thread, struct stack_window *window, uint64_t address)
{
    uint64_t page = page_floor(address);
    /* A walk that comes here began on another stack: this thread may have left its own for good and unmapped
     * or protected it since it was verified. So it is asked about again, at once where all of it is there. */
    if (address >= thread->verified_low && address < thread->stack_high &&
        thread->stack_high - address >= 8 && memory_readable(page, thread->stack_high - page)) {
        window->low = page;
        window->span = thread->stack_high - page - 8;
        return true;
    }
    if (!memory_readable(page, page_bytes)) return false;
    if (page == window->low + window->span + 8) {
        window->span += page_bytes; /* the next page of the same stack */
    } else {
        window->low = page;
        window->span = page_bytes - 8;
    }
    return true;
}
