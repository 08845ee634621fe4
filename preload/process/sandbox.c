/* Sandboxes that the program puts up: seccomp filters, strict mode, a forbidden time stamp counter, system
 * calls that are dispatched to the program. The call that does it is made here, with our state changed before
 * it (a filter that kills gives no second chance) and changed back if it fails. */
#include "process/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "hot/clock.h"
#include "process/bpf.h"
#include "machine.h"
#include "process/image.h"
#include "slow/chunk.h"
#include "slow/stack_range.h"
#include "syscall.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59 /* Linux 5.11 */
#endif
#define SYSCALL_USER_DISPATCH_ON 1

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

_Atomic uint32_t sandbox_forbidden;
int (*next_prctl)(int option, ...);
long (*next_syscall)(long number, ...);

/* The last moment at which clock_gettime was known to be allowed. */
static uint64_t clock_seen_ticks, clock_seen_ns;

void sandbox_resolve(void)
{
    void *found[] = {dlsym(RTLD_NEXT, "prctl"), dlsym(RTLD_NEXT, "syscall")};
    if (found[0] != NULL) memcpy(&next_prctl, &found[0], sizeof(found[0]));
    if (found[1] != NULL) memcpy(&next_syscall, &found[1], sizeof(found[1]));
}

void sandbox_inherited(void)
{
    atomic_fetch_or(&sandbox_forbidden, SANDBOX_SAMPLES | SANDBOX_UNSHARE);
    recorder.samples_allowed = false;
}

uint64_t sandbox_monotonic_ns(void)
{
    const struct trace_header *header = recorder.header;
    uint64_t ns = 1000000, ticks = recorder.ticks_per_ms;
    if (header != NULL && clock_seen_ns > header->start_monotonic_ns + 1000000) {
        ns = clock_seen_ns - header->start_monotonic_ns;
        ticks = clock_seen_ticks - header->start_ticks;
    }
    return clock_seen_ns + (uint64_t)((__uint128_t)(clock_ticks() - clock_seen_ticks) * ns / ticks);
}

/* --- What a filter forbids -------------------------------------------------------------------------- */

struct need {
    int number;
    uint32_t needs; /* which of enum sandbox_need end with this call */
    uint64_t arguments[6];
};

/* A filter may look at arguments: these are such as we use, addresses standing for any. */
static uint32_t filter_forbids(const struct sock_filter *filter, uint32_t length)
{
    const uint64_t here = (uint64_t)(uintptr_t)recorder.header, path = (uint64_t)(uintptr_t)image.trace_path;
    const uint64_t cwd = (uint64_t)(uint32_t)AT_FDCWD, chunk = TRACE_SMALL_CHUNK_BYTES;
    enum { ANY_FD = 3, END = SANDBOX_EXIT, NEW = SANDBOX_BEGIN };
    const struct need needs[] = {
        {SYS_mremap, SANDBOX_CHUNKS | NEW, {here, 0, 16u << 20, MREMAP_MAYMOVE}},
        {SYS_munmap, SANDBOX_CHUNKS | NEW, {here, chunk}},
        {SYS_madvise, SANDBOX_CHUNKS | NEW, {here, chunk, MADV_POPULATE_WRITE}},
        {SYS_madvise, NEW, {here, chunk, MADV_DONTFORK}},
        {SYS_mmap,
         SANDBOX_THREADS | NEW,
         {0, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull, 0}},
        {SYS_mmap, NEW, {0, chunk, PROT_READ | PROT_WRITE, MAP_SHARED, ANY_FD, 0}},
        {SYS_gettid, SANDBOX_THREADS | END | NEW, {0}},
        {SYS_getpid, END | NEW, {0}},
        {SYS_getrusage, END, {RUSAGE_SELF, here}},
        {SYS_prlimit64, END | NEW, {0, RLIMIT_FSIZE, 0, here}},
        {SYS_faccessat, END, {cwd, path, 1}},
        {SYS_openat, END, {cwd, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC}},
        {SYS_openat, END, {cwd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC}},
        {SYS_openat, NEW, {cwd, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400}},
        {SYS_fstat, END | NEW, {ANY_FD, here}},
        {SYS_fchmod, END | NEW, {ANY_FD, 0600}},
        {SYS_ftruncate, END | NEW, {ANY_FD, chunk}},
        {SYS_close, END | NEW, {ANY_FD}},
        {SYS_fstatfs, NEW, {ANY_FD, here}},
        {SYS_getppid, NEW, {0}},
        {SYS_getcwd, NEW, {here, 4096}},
        {SYS_getrandom, NEW, {here, 16, 1}},
        {SYS_unlinkat, NEW, {cwd, path, 0}},
        {SYS_write, NEW, {ANY_FD, here, 100}},
        {SYS_clock_gettime, SANDBOX_CLOCK, {1, here}},
        {SYS_sigaltstack, SANDBOX_SIGNAL_STACK, {0, here}},
        {SYS_munlock, SANDBOX_LOCK, {here, chunk}},
        {SYS_unshare, SANDBOX_UNSHARE, {CLONE_FILES}},
        {SYS_newfstatat, SANDBOX_TASKS, {cwd, path, here}},
    };
    uint32_t forbidden = SANDBOX_SAMPLES;
    for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        struct seccomp_data call = {.nr = needs[i].number,
                                    .arch = ARCH_AUDIT,
                                    .instruction_pointer = (uint64_t)(uintptr_t)&pages_populate};
        memcpy(call.args, needs[i].arguments, sizeof(call.args));
        if (!bpf_allows(bpf_run(filter, length, &call))) forbidden |= needs[i].needs;
    }
    return forbidden;
}

/* PROGRAM is the program's and may be nonsense, which the kernel will refuse. */
static uint32_t program_forbids(const struct sock_fprog *program)
{
    struct sock_fprog copy;
    if (!memory_readable((uint64_t)(uintptr_t)program, sizeof(copy))) return SANDBOX_ALL & ~SANDBOX_TICKS;
    memcpy(&copy, program, sizeof(copy));
    if (copy.len == 0 || copy.len > BPF_MAXINSNS ||
        !memory_readable((uint64_t)(uintptr_t)copy.filter, copy.len * sizeof(struct sock_filter)))
        return SANDBOX_ALL & ~SANDBOX_TICKS;
    return filter_forbids(copy.filter, copy.len);
}

/* --- Around the call -------------------------------------------------------------------------------- */

struct sandbox_before {
    bool ours; /* this process is the one that is recorded, no vfork child of it */
    uint32_t forbidden;
    uint32_t state;
    uint32_t stop_reason;
};

/* Before a call that forbids FORBIDDEN. AT_ONCE: nothing can be recorded any more, not even into the chunks
 * at hand. */
static void sandbox_enter(struct sandbox_before *before, uint32_t forbidden, bool at_once)
{
    before->forbidden = atomic_load(&sandbox_forbidden);
    if (forbidden & SANDBOX_BEGIN && atomic_load(&image_page.state) == IMAGE_NEW) {
        struct lane *lane = recorder_enter(); /* a fork child: its trace is opened now or never */
        if (lane != NULL) recorder_leave(lane);
    }
    before->state = atomic_load(&image_page.state);
    before->stop_reason = recorder.header != NULL ? recorder.header->stop_reason : TRACE_STOP_NONE;
    before->ours = recorder.header == NULL || sandbox_forbids(SANDBOX_EXIT) ||
                   (uint32_t)raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) == image.pid;
    if (!before->ours) return;
    if (!sandbox_forbids(SANDBOX_CLOCK)) {
        clock_seen_ns = slow_monotonic_ns();
        clock_seen_ticks = clock_ticks();
    }
    if (forbidden & SANDBOX_THREADS && !sandbox_forbids(SANDBOX_THREADS)) threads_reserve();
    recorder.samples_allowed = false;
    if (at_once && before->state == IMAGE_RECORDING) recording_stop(TRACE_STOP_SANDBOX, 0);
    if (forbidden & SANDBOX_CHUNKS) stack_range_may_ask(false);
    atomic_fetch_or(&sandbox_forbidden, forbidden);
}

/* The call failed: all is as it was. */
static void sandbox_refused(const struct sandbox_before *before)
{
    if (!before->ours) return;
    atomic_store(&sandbox_forbidden, before->forbidden);
    if (!sandbox_forbids(SANDBOX_CHUNKS)) stack_range_may_ask(true);
    recorder.samples_allowed = !sandbox_forbids(SANDBOX_SAMPLES);
    if (before->state != IMAGE_RECORDING || before->stop_reason != TRACE_STOP_NONE) return;
    if (atomic_load(&image_page.state) != IMAGE_OFF) return;
    recorder.header->stop_reason = TRACE_STOP_NONE;
    atomic_store(&image_page.state, IMAGE_RECORDING);
}

static bool is_strict(long mode)
{
    return mode == SECCOMP_MODE_STRICT;
}

int sandbox_prctl(int option, unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
    struct sandbox_before before;
    uint32_t forbidden = 0;
    bool at_once = true;
    if ((option == PR_SET_SECCOMP && is_strict((long)b)) || (option == PR_SET_TSC && b == PR_TSC_SIGSEGV)) {
        forbidden = SANDBOX_ALL;
    } else if (option == PR_SET_SECCOMP && b == SECCOMP_MODE_FILTER) {
        forbidden = program_forbids((const struct sock_fprog *)c);
        at_once = (forbidden & SANDBOX_CLOCK) != 0 && recorder.monotonic_clock;
    } else if (option == PR_SET_SYSCALL_USER_DISPATCH && b == SYSCALL_USER_DISPATCH_ON) {
        forbidden = SANDBOX_ALL & ~SANDBOX_TICKS;
        at_once = false;
    }
    if (forbidden == 0) return next_prctl(option, b, c, d, e);
    sandbox_enter(&before, forbidden, at_once);
    int result = next_prctl(option, b, c, d, e);
    if (result < 0) sandbox_refused(&before);
    return result;
}

long sandbox_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_prctl)
        return sandbox_prctl((int)a, (unsigned long)b, (unsigned long)c, (unsigned long)d, (unsigned long)e);
    struct sandbox_before before;
    uint32_t forbidden = 0;
    bool at_once = false;
    if (number == SYS_seccomp && a == SECCOMP_SET_MODE_STRICT) {
        forbidden = SANDBOX_ALL;
        at_once = true;
    } else if (number == SYS_seccomp && a == SECCOMP_SET_MODE_FILTER) {
        forbidden = program_forbids((const struct sock_fprog *)c);
        at_once = (forbidden & SANDBOX_CLOCK) != 0 && recorder.monotonic_clock;
    }
    if (forbidden == 0) return next_syscall(number, a, b, c, d, e, f);
    sandbox_enter(&before, forbidden, at_once);
    long result = next_syscall(number, a, b, c, d, e, f);
    if (result < 0) sandbox_refused(&before);
    return result;
}
