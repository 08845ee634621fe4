/* flags: -fno-omit-frame-pointer -fno-optimize-sibling-calls -fasynchronous-unwind-tables -pthread -ldl */
/* The recorder's walk by frame records against libgcc's by .eh_frame, in this program, which keeps them: deep
 * recursion, variable frames, threads, signals on both stacks, coroutines; then chains that lead nowhere.
 * Runs on any machine that the recorder is built for, emulated ones included. Prints TAP. */
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "syscall.h"

/* Emulators take advice that they do not know, so that the recorder does not ask them about stacks. What is
 * mapped they do know: here a pipe tells. */
static int probe_pipe[2];
static long honest_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number != SYS_madvise || c != 22 /* MADV_POPULATE_READ */)
        return raw_syscall(number, a, b, c, d, e, f);
    for (long at = a; at < a + b; at += getpagesize()) {
        char byte;
        if (raw_syscall(SYS_write, probe_pipe[1], at, 1, 0, 0, 0) != 1) return -14; /* EFAULT */
        if (raw_syscall(SYS_read, probe_pipe[0], (long)&byte, 1, 0, 0, 0) != 1) abort();
    }
    return 0;
}
#define raw_syscall honest_syscall

#include "../../preload/slow/frame_pointers.c"
#include "../../preload/slow/module_find.c"
#include "../../preload/slow/stack_range.c"

#define KEEP  __attribute__((noinline))
#define DEPTH 4096

static unsigned reasons[UNWIND_END_COUNT], modules_seen, test_number, tests_failed;
static __thread struct unwind_thread unwind;
static struct unwind_frame fresh[DEPTH];
struct rule_cache rule_cache;
static uint64_t ours[DEPTH], theirs[DEPTH];
static uint32_t our_depth, their_depth, reusable;
static enum unwind_end ended;

/* A walk from FROM: ours, our_depth, ended. */
static void walk(const struct unwind_registers *from, uint32_t max)
{
    struct unwind_outcome outcome;
    unwind.fresh = fresh;
    frame_pointers_stack(&unwind, from, max, &outcome);
    our_depth = outcome.walked;
    ended = outcome.ended;
    reusable = outcome.reusable;
    for (uint32_t i = 0; i < our_depth; i++)
        ours[i] = fresh[i].pc;
}

void recorder_count(unsigned reason)
{
    reasons[reason]++;
}

void slow_module_seen(uint64_t address, const struct dl_find_object *found)
{
    if (address <= (uint64_t)found->dlfo_map_start || address > (uint64_t)found->dlfo_map_end) abort();
    modules_seen++;
}

static void claim(int holds, const char *what)
{
    printf("%sok %u - %s\n", holds ? "" : "not ", ++test_number, what);
    if (holds) return;
    tests_failed++;
    printf("# ours %u frames (ended %d), theirs %u\n", our_depth, (int)ended, their_depth);
    for (uint32_t i = 0; i < 12 && (i < our_depth || i < their_depth); i++)
        printf("# %u: %#lx %#lx\n", i, i < our_depth ? (long)ours[i] : 0,
               i < their_depth ? (long)theirs[i] : 0);
}

/* --- the oracle --- */

static _Unwind_Reason_Code oracle_frame(struct _Unwind_Context *context, void *begin)
{
    int interrupted = 0;
    uint64_t pc = _Unwind_GetIPInfo(context, &interrupted);
    if (interrupted) pc++;
    if (their_depth == 0 && pc != *(uint64_t *)begin) return _URC_NO_REASON;
    if (their_depth == DEPTH || pc == 0) return _URC_END_OF_STACK;
    theirs[their_depth++] = pc;
    return _URC_NO_REASON;
}

static KEEP void hook(uint32_t max)
{
    struct unwind_registers from = frame_of_caller();
    walk(&from, max);
    their_depth = 0;
    _Unwind_Backtrace(oracle_frame, &from.pc);
}

/* Both have the same COUNT innermost frames. */
static int same(uint32_t count)
{
    return our_depth >= count && their_depth >= count && memcmp(ours, theirs, count * sizeof ours[0]) == 0;
}

/* --- shapes --- */

static volatile unsigned long sum;

static KEEP void descend(unsigned depth, uint32_t max)
{
    if (depth)
        descend(depth - 1, max);
    else
        hook(max);
    sum++;
}

static KEEP void vary(unsigned depth)
{
    volatile char *bytes = alloca(depth * 24 + 1);
    volatile long numbers[depth % 7 + 1];
    bytes[depth] = 1;
    numbers[depth % 7] = 2;
    if (depth)
        vary(depth - 1);
    else
        hook(DEPTH);
    sum += (unsigned long)bytes[depth] + (unsigned long)numbers[depth % 7];
}

static KEEP void large(unsigned depth)
{
    volatile char bytes[300000];
    bytes[depth] = 1;
    if (depth)
        large(depth - 1);
    else
        hook(DEPTH);
    sum += (unsigned long)bytes[depth];
}

static void *thread_main(void *argument)
{
    (void)argument;
    descend(10, DEPTH);
    claim(same(12), "a thread's stack");
    return NULL;
}

static KEEP void handler(int number)
{
    hook(DEPTH);
    sum += (unsigned)number;
}

/* Interrupted in its middle, where it has made its record. */
static KEEP void interrupted(unsigned depth, int number)
{
    if (depth)
        interrupted(depth - 1, number);
    else
        raw_syscall(SYS_tgkill, getpid(), raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0), number, 0, 0, 0);
    sum++;
}

static void nested_handler(int number)
{
    (void)number;
    interrupted(3, SIGUSR1);
    sum++;
}

static void signals(void)
{
    static char alternate[1 << 16];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    interrupted(5, SIGUSR1);
    claim(same(1 + 1 + 7), "a handler, its trampoline, what it interrupted");
    claim(reusable == 0, "... which is walked every time");
    sigaltstack(&stack, NULL);
    action = (struct sigaction){.sa_handler = nested_handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR2, &action, NULL);
    interrupted(5, SIGUSR2);
    claim(same(1 + 1 + 4 + 1 + 1 + 7), "a handler that interrupts one on the alternate stack");
}

/* A stack that its handler takes away while it is away: nothing on it may be read, verified as it was. */
static char *lost_stack;
enum { LOST_BYTES = 1 << 20 };

static KEEP void hook_alone(void)
{
    struct unwind_registers from = frame_of_caller();
    their_depth = 0;
    walk(&from, DEPTH);
}

static void losing_handler(int number)
{
    (void)number;
    mprotect(lost_stack, LOST_BYTES - (1 << 16), PROT_NONE);
    hook_alone();
    mprotect(lost_stack, LOST_BYTES - (1 << 16), PROT_READ | PROT_WRITE);
}

static KEEP void far_down(unsigned depth)
{
    volatile char bytes[1000];
    bytes[depth] = 1;
    if (depth) {
        far_down(depth - 1);
    } else {
        hook_alone();
        interrupted(0, SIGUSR2);
    }
    sum += (unsigned long)bytes[depth];
}

static void *losing_main(void *argument)
{
    static char alternate[1 << 16];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_handler = losing_handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR2, &action, NULL);
    far_down(200);
    claim(ended == UNWIND_UNMAPPED, "a handler that takes away the stack it interrupted");
    return argument;
}

static void lost_stacks(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    lost_stack = mmap(NULL, LOST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, lost_stack, LOST_BYTES);
    if (pthread_create(&thread, &attributes, losing_main, NULL) != 0) exit(2);
    pthread_join(thread, NULL);
    munmap(lost_stack, LOST_BYTES);
}

static ucontext_t here, there;
static int coroutine_holds;

static void coroutine(void)
{
    descend(20, DEPTH);
    coroutine_holds = same(22);
}

static void coroutines(void)
{
    enum { BYTES = 1 << 18 };
    char *stack = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    getcontext(&there);
    there.uc_stack = (stack_t){.ss_sp = stack, .ss_size = BYTES};
    there.uc_link = &here;
    makecontext(&there, coroutine, 0);
    swapcontext(&here, &there);
    claim(coroutine_holds, "a stack of the program's own making");
    munmap(stack, BYTES);
}

/* --- chains that lead nowhere --- */

static uint64_t somewhere;

/* The walk from BP, as if the caller's stack began at LOW: as deep as DEPTH says, and ended so. */
static int ends(uint64_t low, uint64_t bp, uint32_t max, uint32_t depth, enum unwind_end end)
{
    struct unwind_registers from = {.pc = somewhere, .sp = low, .bp = bp};
    unsigned counted = reasons[end];
    their_depth = 0;
    walk(&from, max);
    if (our_depth != depth || ended != end) return 0;
    return reasons[end] == counted + (end != UNWIND_OUTERMOST);
}

static void garbage_on_own_stack(void)
{
    uint64_t records[16] = {0}, at = (uint64_t)records;
    uint64_t below = at - 64, beyond = unwind.stack_high + 64;
    claim(ends(at, 0, 9, 1, UNWIND_OUTERMOST), "frame pointer 0: the outermost frame");
    claim(ends(at, at + 4, 9, 1, UNWIND_NO_CFI), "a frame pointer that is not aligned");
    claim(ends(at, below, 9, 1, UNWIND_NO_PROGRESS), "one below the stack pointer");
    claim(ends(at, beyond, 9, 1, UNWIND_UNMAPPED), "one above the stack's end, mapped as it may be");
    claim(ends(at, 8, 9, 1, UNWIND_NO_PROGRESS), "one near 0");
    claim(ends(at, 0xfffffffffffffff8, 9, 1, UNWIND_UNMAPPED), "one at the end of all addresses");
    records[0] = at, records[1] = somewhere;
    claim(ends(at, at, 9, 2, UNWIND_NO_PROGRESS), "a record that names itself");
    records[0] = at + 8;
    claim(ends(at, at, 9, 2, UNWIND_NO_PROGRESS), "records that overlap");
    records[0] = at + 16, records[1] = 17;
    claim(ends(at, at, 9, 1, UNWIND_NO_CFI), "a return address that is none");
    records[1] = 0;
    claim(ends(at, at, 9, 1, UNWIND_OUTERMOST), "a return address of 0: no caller");
    for (unsigned i = 0; i < 14; i += 2)
        records[i] = at + 8 * i + 16, records[i + 1] = somewhere;
    records[12] = 0;
    claim(ends(at, at, 9, 8, UNWIND_OUTERMOST), "seven records and no more");
    claim(reusable == 8, "... a stack that can be found again");
    claim(ends(at, at, 8, 8, UNWIND_OUTERMOST), "... with room for just these");
    claim(ends(at, at, 7, 7, UNWIND_DEPTH_LIMIT), "... with room for one less");
}

static void garbage_elsewhere(void)
{
    uint64_t page = (uint64_t)getpagesize();
    char *pages = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t at = (uint64_t)pages, *records = (uint64_t *)pages;
    mprotect(pages + 2 * page, page, PROT_NONE);
    records[0] = at + page, records[1] = somewhere;
    records[page / 8] = at + 2 * page, records[page / 8 + 1] = somewhere;
    claim(ends(at + 16, at, 9, 1, UNWIND_NO_PROGRESS), "on another stack, too");
    claim(ends(at + 8, at + page, 9, 2, UNWIND_UNMAPPED), "a record on a guard page");
    claim(ends(at + 8, at + 2 * page - 8, 9, 1, UNWIND_UNMAPPED), "one half on a guard page");
    munmap(pages + page, 3 * page);
    claim(ends(at + 8, at + page, 9, 1, UNWIND_UNMAPPED), "one that was unmapped since");
    munmap(pages, page);
}

static void forgetting(void)
{
    unsigned seen[4];
    for (unsigned i = 0; i < 4; i++) {
        if (i == 3) frame_pointers_flush();
        descend(2, DEPTH);
        seen[i] = modules_seen;
    }
    claim(seen[1] == seen[0] && seen[2] == seen[0], "a return address is new once");
    claim(seen[3] >= seen[2] + 4, "... and again when all was forgotten");
}

int main(void)
{
    pthread_t thread;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (pipe(probe_pipe) != 0) return 2;
    stack_range_init();
    module_find_init();
    somewhere = (uint64_t)(uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0));
    descend(0, DEPTH);
    claim(same(2), "two frames and main's");
    if (ARCH_UNWINDER == TRACE_UNWINDER_FRAME_POINTER)
        claim(same(their_depth) && ended == UNWIND_OUTERMOST && reusable == our_depth,
              "... and all that are outside of main: a stack that can be found again");
    descend(1000, DEPTH);
    claim(same(1002), "a thousand frames");
    descend(1000, 100);
    claim(our_depth == 100 && ended == UNWIND_DEPTH_LIMIT && memcmp(ours, theirs, 800) == 0, "the limit");
    vary(100);
    claim(same(102), "frames of variable size");
    large(20);
    claim(same(22), "frames of 300 kB");
    signals();
    lost_stacks();
    coroutines();
    if (pthread_create(&thread, NULL, thread_main, NULL) != 0) return 2;
    pthread_join(thread, NULL);
    garbage_on_own_stack();
    garbage_elsewhere();
    forgetting();
    printf("1..%u\n", test_number);
    return tests_failed != 0;
}
