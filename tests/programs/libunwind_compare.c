/* flags: -O2 -fvisibility=hidden -ftls-model=initial-exec -fno-omit-frame-pointer -fno-stack-protector */
/* flags: -Ipreload -Ipreload/arch/x86_64 -Ipreload/arch/generic */
/* Preloaded into a program, it takes the stack of every allocation twice, by the recorder's unwinder and by
 * libunwind from a full register state, and counts what differs.
 *
 *   UNWIND_COMPARE_OUTPUT   file of COUNTERS 64-bit counters (below), shared by all processes of a tree;
 *                           differences are described in FILE.log, the first 20 of a process, and the frames
 *                           that ours could not leave (lines "stop KIND MODULE ADDRESS", linked address)
 *   UNWIND_COMPARE_EVERY    compare one allocation in so many (default 1)
 *   UNWIND_COMPARE_DEPTH    how many frames both may have (default 512)
 *   UNWIND_COMPARE_REUSE    set: the previous stack is reused, as the recorder does
 *   UNWIND_COMPARE_KEEP_RULES  set: rules are not forgotten at dlclose (a fault, for tests of this test)
 *   UNWIND_COMPARE_MUTATE   a fault, for tests of this test. "rule": the rules of one address in 16 lead 8
 *                           bytes too far; "give-up", "no-cfi": they say that there is none that fits, or
 *                           none at all; "top": a stack whose innermost frame is that of the previous one is
 *                           taken to be the same
 *
 * A stack that differs counts as explained when a witness who is not ours says why (enum counter); anything
 * else counts as different. So does a stack that is the same by luck: one that was guessed from frame
 * pointers, or given up for want of CFI, where libunwind has CFI.
 *
 * It is its own recorder: the unwinder's sources are compiled in, and libunwind walks on a stack of its own,
 * so that 16 KiB threads and signal stacks can be compared, too. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "../../preload/hot/remembered.c"
#include "../../preload/hot/unwind.c"
#include "../../preload/slow/cfi_entry.c"
#include "../../preload/slow/cfi_rule.h"
#define cfi_rule_make cfi_rule_make_unchanged
#include "../../preload/slow/cfi_rule.c"
#undef cfi_rule_make
#include "../../preload/slow/module_find.c"
#include "../../preload/slow/rule_cache.c"
#include "../../preload/slow/stack_range.c"
#include "../lib/unwind_frames.h"

#include "libunwind_oracle.h"

#define HOOK __attribute__((visibility("default")))

enum counter {
    COUNT_STACKS,      /* compared */
    COUNT_FRAMES,      /* of libunwind's in them */
    COUNT_DIFFERENT,   /* stacks that differ in any frame or in length, and are not explained */
    COUNT_SHORTER,     /* stacks that differ, explained or not: ours is the beginning of theirs */
    COUNT_LONGER,      /* the same: theirs is the beginning of ours */
    COUNT_DEEP,        /* compared stacks of more than 64 frames */
    COUNT_SIGNAL,      /* compared stacks with a signal frame */
    COUNT_SKIPPED,     /* allocations inside the comparison itself */
    COUNT_OUTERMOST,   /* ours ended at the outermost frame */
    COUNT_REASONS = 8, /* + enum unwind_end: how ours ended */
    /* Stacks that differ and are not in COUNT_DIFFERENT: */
    COUNT_NOT_EXPRESSIBLE =
        16,                /* ours is a part, ended so, and said where: readelf is asked about that place */
    COUNT_NO_CFI,          /* the last frame that both have is one for which libunwind has no CFI */
    COUNT_LIBUNWIND_ALONE, /* libgcc's unwinder has our frames, all of them */
    COUNT_GUESSED,         /* compared stacks that were guessed or given up for want of CFI */
    COUNT_LUCKY,           /* of COUNT_DIFFERENT: of these, though there is CFI */
    COUNT_CUT,             /* compared stacks of more frames than are taken */
    COUNT_DEPTHS = 24,     /* compared stacks of 1-8, 9-16, 17-32, ... more than 512 frames */
    DEPTHS = 8,
    COUNTERS = 32
};
static uint64_t counters_without_file[COUNTERS];
static uint64_t *counters = counters_without_file;
static char log_path[512];
static unsigned compare_every = 1;
static uint32_t compare_depth = 512;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Unwind_Reason_Code (*witness_backtrace)(_Unwind_Trace_Fn, void *);
static _Unwind_Ptr (*witness_get_ip)(struct _Unwind_Context *, int *);
static _Unwind_Word (*witness_get_cfa)(struct _Unwind_Context *);

#define FRAMES_MAX (1 << 20)

struct compare_thread {
    struct oracle oracle; /* first: oracle_walk's callback finds the rest by it */
    struct unwind_thread unwind;
    struct unwind_registers from;
    uint64_t ours[FRAMES_MAX + 1];
    uint64_t theirs[FRAMES_MAX + 1];
    uint64_t witness[FRAMES_MAX + 1];
    uint32_t our_depth, their_depth, witness_depth;
    uint32_t last_of_both; /* number of the frame that last_is_without_cfi is about */
    uint32_t overlooked;   /* frames for which only libunwind has CFI */
    bool last_is_without_cfi, witness_begun;
    uint8_t remembered[sizeof(struct unwind_frame) * 6 * FRAMES_MAX];
};

static __thread struct compare_thread *thread_self;
static __thread bool thread_busy;
static __thread unsigned thread_skip;
static bool ready, keep_rules, reuse;
static const char *mutation = "";

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

/* Rules, with the fault that was asked for. */
uint64_t cfi_rule_make(uint64_t pc, uint64_t map_start, uint64_t eh_frame_hdr)
{
    uint64_t rule = cfi_rule_make_unchanged(pc, map_start, eh_frame_hdr);
    bool chosen = ((pc - map_start) * 0x9e3779b97f4a7c15ull) >> 60 == 0;
    if (!*mutation || !chosen || rule_kind(rule) != RULE_FRAME) return rule;
    if (strcmp(mutation, "rule") == 0) return rule + 8;
    if (strcmp(mutation, "give-up") == 0)
        return RULE_DEFINED | (uint64_t)RULE_NOT_EXPRESSIBLE << RULE_KIND_SHIFT;
    if (strcmp(mutation, "no-cfi") == 0) return RULE_DEFINED | (uint64_t)RULE_NO_CFI << RULE_KIND_SHIFT;
    return rule;
}

/* The recorder's walk: the only place that knows its interface. */
static void our_walk(struct compare_thread *self, struct unwound *outcome)
{
    static __thread struct unwind_registers previous;
    static __thread struct unwound previous_outcome;
    bool same_top =
        previous.pc == self->from.pc && previous.sp == self->from.sp && previous.bp == self->from.bp;
    if (same_top && strcmp(mutation, "top") == 0) {
        *outcome = previous_outcome; /* the frames are still in self->ours */
        return;
    }
    *outcome = unwind_frames(&self->unwind, &self->from, self->ours, compare_depth, reuse);
    previous = self->from;
    previous_outcome = *outcome;
}

/* Who has CFI for the last frame of theirs? Where libunwind has none, it says so by a function of one byte.
 */
static void compare_cfi(struct oracle *oracle)
{
    struct compare_thread *self = (struct compare_thread *)oracle;
    unw_proc_info_t info;
    bool theirs = oracle_get_proc_info(&oracle->cursor, &info) == 0 && info.end_ip - info.start_ip > 1;
    if (theirs && rule_kind(rule_make(self->theirs[oracle->depth - 1])) == RULE_NO_CFI) self->overlooked++;
    if (!theirs && oracle->depth == self->last_of_both) self->last_is_without_cfi = true;
}

static _Unwind_Reason_Code witness_frame(struct _Unwind_Context *context, void *argument)
{
    struct compare_thread *self = argument;
    int interrupted = 0;
    uint64_t pc = witness_get_ip(context, &interrupted);
    if (pc == self->from.pc && witness_get_cfa(context) == self->from.sp) self->witness_begun = true;
    if (!self->witness_begun) return _URC_NO_REASON;
    if (pc == 0 || self->witness_depth == compare_depth) return _URC_END_OF_STACK;
    self->witness[self->witness_depth++] = pc + (interrupted != 0);
    return _URC_NO_REASON;
}

/* libgcc's unwinder: does it have our frames? It has nothing but CFI, and no cache. */
static bool witness_agrees(struct compare_thread *self)
{
    self->witness_begun = false;
    self->witness_depth = 0;
    witness_backtrace(witness_frame, self);
    return self->witness_depth == self->our_depth &&
           memcmp(self->witness, self->ours, self->our_depth * sizeof self->ours[0]) == 0;
}

/* Where ours could not go on, in the words of the module's file; each place once. */
static void say_stop(const char *kind, uint64_t address)
{
    static uint64_t said[64];
    struct link_map *map = NULL;
    Dl_info info = {0};
    for (unsigned i = 0; i < sizeof said / sizeof said[0]; i++) {
        uint64_t empty = 0;
        if (__atomic_compare_exchange_n(&said[i], &empty, address, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            if (dladdr1((void *)(address - 1), &info, (void **)&map, RTLD_DL_LINKMAP) && info.dli_fname &&
                map)
                say("stop %s %s %#lx\n", kind, *map->l_name ? map->l_name : "/proc/self/exe",
                    (unsigned long)(address - 1 - map->l_addr));
            else
                say("stop %s - %#lx\n", kind, (unsigned long)(address - 1));
            return;
        }
        if (empty == address) return;
    }
    say("stop %s too-many %#lx\n", kind, (unsigned long)(address - 1));
}

static void ask_oracle(struct compare_thread *self)
{
    self->oracle.frames = self->theirs;
    self->oracle.max = compare_depth;
    self->oracle.from_pc = self->from.pc;
    self->oracle.from_sp = self->from.sp;
    oracle_ask(&self->oracle);
    self->their_depth = self->oracle.depth;
}

/* What of libunwind's frames has CFI: asked only where it matters, it takes long. LAST: number of a frame. */
static void ask_for_cfi(struct compare_thread *self, uint32_t last)
{
    self->last_of_both = last;
    self->last_is_without_cfi = false;
    self->overlooked = 0;
    self->oracle.each = compare_cfi;
    ask_oracle(self);
    self->oracle.each = NULL;
}

/* Which counter a stack that differs belongs to. The first SAME frames are equal. */
static enum counter explain(struct compare_thread *self, const struct unwound *outcome, uint32_t same)
{
    bool ours_is_a_part = same == outcome->depth && same < self->their_depth;
    if (ours_is_a_part && outcome->ended == UNWIND_NOT_EXPRESSIBLE) {
        say_stop("not-expressible", self->ours[same - 1]);
        return COUNT_NOT_EXPRESSIBLE;
    }
    if (witness_agrees(self)) return COUNT_LIBUNWIND_ALONE;
    if (same > 0 && (outcome->guessed || outcome->ended == UNWIND_NO_CFI)) {
        ask_for_cfi(self, same);
        if (self->last_is_without_cfi && !self->overlooked) return COUNT_NO_CFI;
    }
    return COUNT_DIFFERENT;
}

static void count_depth(uint32_t depth, bool truncated)
{
    unsigned bin = 0;
    if (truncated) count(COUNT_CUT, 1);
    for (uint32_t limit = 8; bin + 1 < DEPTHS && (depth > limit || (truncated && depth == limit)); limit *= 2)
        bin++;
    count(COUNT_DEPTHS + bin, 1);
}

/* A stack that is libunwind's and yet was not walked by CFI all the way. Was there none where ours had none?
 */
static void check_guess(struct compare_thread *self, const struct unwound *outcome)
{
    count(COUNT_GUESSED, 1);
    ask_for_cfi(self, 0);
    if (!self->overlooked) return;
    count(COUNT_DIFFERENT, 1);
    count(COUNT_LUCKY, 1);
    describe(self, outcome, self->their_depth);
}

static void compare(struct compare_thread *self)
{
    struct unwound outcome;
    our_walk(self, &outcome);
    ask_oracle(self);
    self->our_depth = outcome.depth;
    uint32_t shorter = outcome.depth < self->their_depth ? outcome.depth : self->their_depth;
    uint32_t same = 0;
    while (same < shorter && self->ours[same] == self->theirs[same])
        same++;
    count(COUNT_STACKS, 1);
    count(COUNT_FRAMES, self->their_depth);
    count_depth(self->their_depth, outcome.truncated);
    if (self->their_depth > 64) count(COUNT_DEEP, 1);
    if (self->oracle.signal) count(COUNT_SIGNAL, 1);
    if (outcome.ended == UNWIND_OUTERMOST) count(COUNT_OUTERMOST, 1);
    if (outcome.depth == self->their_depth && same == shorter && outcome.truncated == self->oracle.cut) {
        if (outcome.guessed || outcome.ended == UNWIND_NO_CFI) check_guess(self, &outcome);
        return;
    }
    enum counter kind = explain(self, &outcome, same);
    count(kind, 1);
    if (same == outcome.depth) count(COUNT_SHORTER, 1);
    if (same == self->their_depth) count(COUNT_LONGER, 1);
    if (kind != COUNT_NOT_EXPRESSIBLE) describe(self, &outcome, same);
}

static void prepare(void)
{
    const char *output = getenv("UNWIND_COMPARE_OUTPUT");
    const char *every = getenv("UNWIND_COMPARE_EVERY");
    reuse = getenv("UNWIND_COMPARE_REUSE") != NULL;
    keep_rules = getenv("UNWIND_COMPARE_KEEP_RULES") != NULL;
    const char *depth = getenv("UNWIND_COMPARE_DEPTH");
    if (getenv("UNWIND_COMPARE_MUTATE")) mutation = getenv("UNWIND_COMPARE_MUTATE");
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
    oracle_open();
    void *witness = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!witness) abort();
    witness_backtrace = (_Unwind_Reason_Code(*)(_Unwind_Trace_Fn, void *))dlsym(witness, "_Unwind_Backtrace");
    witness_get_ip = (_Unwind_Ptr(*)(struct _Unwind_Context *, int *))dlsym(witness, "_Unwind_GetIPInfo");
    witness_get_cfa = (_Unwind_Word(*)(struct _Unwind_Context *))dlsym(witness, "_Unwind_GetCFA");
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
    if (ready) oracle_forget();
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
