/* flags: -O2 -fvisibility=hidden -ftls-model=initial-exec -fno-omit-frame-pointer -fno-stack-protector */
/* flags: -Ipreload -Ipreload/arch/x86_64 -Ipreload/arch/generic */
/* Preloaded into a program, it takes the stack of every allocation twice, by the recorder's unwinder and by
 * libunwind from a full register state, and counts what differs.
 *
 *   UNWIND_COMPARE_OUTPUT  file of 16 64-bit counters (below), shared by all processes of a tree; differences
 * are described in FILE.log, the first 20 of a process UNWIND_COMPARE_EVERY   compare one allocation in so
 * many (default 1) UNWIND_COMPARE_DEPTH   how many frames both may have (default 512)
 *
 * It is its own recorder: the unwinder's sources are compiled in, and libunwind walks on a stack of its own,
 * so that 16 KiB threads and signal stacks can be compared, too. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <libunwind.h>

#include "../../preload/hot/unwind.c"
#include "../../preload/slow/cfi_entry.c"
#include "../../preload/slow/cfi_rule.c"
#include "../../preload/slow/module_find.c"
#include "../../preload/slow/rule_cache.c"
#include "../../preload/slow/stack_range.c"
#include "../lib/unwind_frames.h"

#define HOOK __attribute__((visibility("default")))

enum counter {
    COUNT_STACKS,     /* compared */
    COUNT_FRAMES,     /* of libunwind's in them */
    COUNT_DIFFERENT,  /* stacks that differ in any frame or in length */
    COUNT_SHORTER,    /* of these: ours is the beginning of theirs */
    COUNT_LONGER,     /* of these: theirs is the beginning of ours */
    COUNT_DEEP,       /* compared stacks of more than 64 frames */
    COUNT_SIGNAL,     /* compared stacks with a signal frame */
    COUNT_SKIPPED,    /* allocations inside the comparison itself */
    COUNT_OUTERMOST,  /* ours ended at the outermost frame */
    COUNT_REASONS = 8 /* + enum unwind_end: how ours ended */
};
static uint64_t counters_without_file[16];
static uint64_t *counters = counters_without_file;
static char log_path[512];
static unsigned compare_every = 1;
static uint32_t compare_depth = 512;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static int (*oracle_getcontext)(unw_tdep_context_t *);
static int (*oracle_init_local)(unw_cursor_t *, unw_context_t *);
static int (*oracle_step)(unw_cursor_t *);
static int (*oracle_get_reg)(unw_cursor_t *, int, unw_word_t *);
static int (*oracle_is_signal_frame)(unw_cursor_t *);
static void (*oracle_flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
static unw_addr_space_t *oracle_local_space;

#define ORACLE_STACK_BYTES (256 << 10)
#define FRAMES_MAX         (1 << 20)

struct compare_thread {
    struct unwind_thread unwind;
    struct unwind_registers from;
    unw_context_t context;
    unw_cursor_t cursor;
    uint64_t ours[FRAMES_MAX + 1];
    uint64_t theirs[FRAMES_MAX + 1];
    uint32_t their_depth;
    bool their_signal;
    uint8_t remembered[sizeof(struct unwind_frame) * 5 * FRAMES_MAX];
    uint8_t stack[ORACLE_STACK_BYTES] __attribute__((aligned(64)));
};

static __thread struct compare_thread *thread_self;
static __thread bool thread_busy;
static __thread unsigned thread_skip;
static bool ready, keep_rules, reuse;

static void count(unsigned which, uint64_t by)
{
    __atomic_fetch_add(&counters[which], by, __ATOMIC_RELAXED);
}

void recorder_count(unsigned reason)
{
    count(COUNT_REASONS + reason, 1);
}

void slow_module_seen(uint64_t address, const struct dl_find_object *found)
{
    if (address - 1 < (uint64_t)found->dlfo_map_start || address - 1 >= (uint64_t)found->dlfo_map_end)
        abort();
}

static void say(const char *format, ...)
{
    char line[512];
    va_list arguments;
    if (!*log_path) return;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (length > 0 && (size_t)length < sizeof line && fd >= 0 && write(fd, line, (size_t)length) < 0) abort();
    if (fd >= 0) close(fd);
}

static void describe_frame(const char *which, uint32_t i, uint64_t address)
{
    Dl_info info = {0};
    if (dladdr((void *)(address - 1), &info) && info.dli_fname)
        say("    %s[%u] %#lx %s+%#lx %s\n", which, i, (unsigned long)address, info.dli_fname,
            (unsigned long)(address - (uint64_t)info.dli_fbase), info.dli_sname ? info.dli_sname : "?");
    else
        say("    %s[%u] %#lx\n", which, i, (unsigned long)address);
}

static void describe(const struct compare_thread *self, const struct unwound *outcome, uint32_t same)
{
    static unsigned described;
    if (__atomic_fetch_add(&described, 1, __ATOMIC_RELAXED) >= 20) return;
    say("%s: pid %d: ours %u frames (ended %u%s), theirs %u; first %u are the same\n",
        program_invocation_short_name, (int)getpid(), outcome->depth, outcome->ended,
        outcome->guessed ? ", guessed" : "", self->their_depth, same);
    for (uint32_t i = same > 2 ? same - 2 : 0; i < same + 3; i++) {
        if (i < outcome->depth) describe_frame("ours", i, self->ours[i]);
        if (i < self->their_depth) describe_frame("theirs", i, self->theirs[i]);
    }
}

/* libunwind's walk, on its own stack. Its frames are those from self->from on. */
static void oracle_walk(struct compare_thread *self)
{
    bool begun = false;
    self->their_depth = 0;
    self->their_signal = false;
    oracle_init_local(&self->cursor, &self->context);
    do {
        unw_word_t pc = 0, sp = 0;
        oracle_get_reg(&self->cursor, UNW_REG_IP, &pc);
        oracle_get_reg(&self->cursor, UNW_REG_SP, &sp);
        if (pc == self->from.pc && sp == self->from.sp) begun = true;
        if (!begun) continue;
        if (pc == 0 || self->their_depth == compare_depth) break;
        bool interrupted = oracle_is_signal_frame(&self->cursor) > 0; /* by a signal, this frame was */
        self->theirs[self->their_depth++] = pc + interrupted;
        self->their_signal |= interrupted;
    } while (oracle_step(&self->cursor) > 0);
}

/* Call WALK(SELF) with the stack pointer at TOP. */
static void call_on_stack(void (*walk)(struct compare_thread *), struct compare_thread *self, void *top)
{
    __asm__ volatile("mov %%rsp, %%rbx\n\t"
                     "mov %2, %%rsp\n\t"
                     "call *%1\n\t"
                     "mov %%rbx, %%rsp"
                     : "+D"(self)
                     : "r"(walk), "r"(top)
                     : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
}

static void compare(struct compare_thread *self)
{
    const struct unwound outcome =
        unwind_frames(&self->unwind, &self->from, self->ours, compare_depth, reuse);
    oracle_getcontext(&self->context);
    call_on_stack(oracle_walk, self, self->stack + sizeof self->stack);
    uint32_t shorter = outcome.depth < self->their_depth ? outcome.depth : self->their_depth;
    uint32_t same = 0;
    while (same < shorter && self->ours[same] == self->theirs[same])
        same++;
    count(COUNT_STACKS, 1);
    count(COUNT_FRAMES, self->their_depth);
    if (self->their_depth > 64) count(COUNT_DEEP, 1);
    if (self->their_signal) count(COUNT_SIGNAL, 1);
    if (outcome.ended == UNWIND_OUTERMOST) count(COUNT_OUTERMOST, 1);
    if (outcome.depth == self->their_depth && same == shorter) return;
    count(COUNT_DIFFERENT, 1);
    if (same == outcome.depth) count(COUNT_SHORTER, 1);
    if (same == self->their_depth) count(COUNT_LONGER, 1);
    describe(self, &outcome, same);
}

static void prepare(void)
{
    const char *output = getenv("UNWIND_COMPARE_OUTPUT");
    const char *every = getenv("UNWIND_COMPARE_EVERY");
    reuse = getenv("UNWIND_COMPARE_REUSE") != NULL;
    keep_rules = getenv("UNWIND_COMPARE_KEEP_RULES") != NULL;
    const char *depth = getenv("UNWIND_COMPARE_DEPTH");
    if (every) compare_every = (unsigned)atoi(every);
    if (depth) compare_depth = (uint32_t)atoi(depth);
    if (compare_depth > FRAMES_MAX) compare_depth = FRAMES_MAX;
    if (output) {
        int fd = open(output, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || ftruncate(fd, sizeof counters_without_file)) abort();
        counters = mmap(NULL, sizeof counters_without_file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (counters == MAP_FAILED) abort();
        close(fd);
        snprintf(log_path, sizeof log_path, "%s.log", output);
    }
    void *oracle = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (!oracle) abort();
    oracle_getcontext = dlsym(oracle, "_Ux86_64_getcontext");
    oracle_init_local = dlsym(oracle, "_ULx86_64_init_local");
    oracle_step = dlsym(oracle, "_ULx86_64_step");
    oracle_get_reg = dlsym(oracle, "_ULx86_64_get_reg");
    oracle_is_signal_frame = dlsym(oracle, "_ULx86_64_is_signal_frame");
    oracle_flush_cache = dlsym(oracle, "_Ux86_64_flush_cache");
    oracle_local_space = dlsym(oracle, "_ULx86_64_local_addr_space");
    if (!unwind_init()) abort();
    ready = true;
}

static void take(struct unwind_registers from)
{
    int program_errno = errno;
    if (thread_busy) {
        count(COUNT_SKIPPED, 1);
        return;
    }
    thread_busy = true;
    if (!ready) prepare();
    if (++thread_skip >= compare_every) {
        thread_skip = 0;
        if (!thread_self)
            thread_self = mmap(NULL, sizeof *thread_self, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (thread_self == MAP_FAILED) abort();
        if (!thread_self->unwind.arena)
            unwind_remember(&thread_self->unwind, thread_self->remembered, FRAMES_MAX);
        thread_self->from = from;
        compare(thread_self);
    }
    thread_busy = false;
    errno = program_errno;
}

/* The table of modules is kept up to date where there is one. (The caller is this library: no RPATH is used.)
 */
HOOK void *dlopen(const char *file, int mode)
{
    static void *(*next_dlopen)(const char *, int);
    if (!next_dlopen) next_dlopen = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    void *module = next_dlopen(file, mode);
    unwind_modules_changed();
    return module;
}

/* Both unwinders forget what they know of modules. */
HOOK int dlclose(void *module)
{
    static int (*next_dlclose)(void *);
    if (!next_dlclose) next_dlclose = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
    int status = next_dlclose(module);
    if (!keep_rules) unwind_flush();
    unwind_modules_changed();
    if (ready) oracle_flush_cache(*oracle_local_space, 0, 0);
    return status;
}

HOOK void *malloc(size_t size)
{
    void *block = __libc_malloc(size);
    take(frame_of_caller());
    return block;
}

HOOK void *calloc(size_t n, size_t size)
{
    void *block = __libc_calloc(n, size);
    take(frame_of_caller());
    return block;
}

HOOK void *realloc(void *block, size_t size)
{
    void *moved = __libc_realloc(block, size);
    take(frame_of_caller());
    return moved;
}

HOOK void *aligned_alloc(size_t alignment, size_t size)
{
    void *block = __libc_memalign(alignment, size);
    take(frame_of_caller());
    return block;
}
