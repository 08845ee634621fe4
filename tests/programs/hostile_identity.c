/* flags: -pthread */
/* What a program can see of itself and of its allocator. It prints all of it; nothing may differ with the
 * recorder. */
#include "hostile.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/resource.h>
#include <ucontext.h>

static void show_fds(const char *when)
{
    char list[1024] = "";
    for (int fd = 0; fd < 64; fd++) {
        char number[8];
        if (fcntl(fd, F_GETFD) < 0) continue;
        snprintf(number, sizeof(number), " %d", fd);
        strcat(list, number);
    }
    int lowest = open("/dev/null", O_RDONLY);
    say("%s: descriptors%s, lowest free %d", when, list, lowest);
    close(lowest);
}

static void show_status(const char *when)
{
    static const char *const wanted[] = {"Threads:", "SigBlk:",     "SigIgn:", "SigCgt:",   "SigPnd:",
                                         "Seccomp:", "NoNewPrivs:", "State:",  "TracerPid:"};
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
                say("%s: %.*s", when, (int)strcspn(line, "\n"), line);
    if (status != NULL) fclose(status);
}

static int process(void)
{
    show_fds("start");
    show_status("start");
    allocate(50000, 777);
    show_fds("end");
    show_status("end");
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    say("TERM %d", sigismember(&mask, SIGTERM));
    struct sigaction action;
    int changed = 0;
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL) changed++;
    stack_t stack;
    sigaltstack(NULL, &stack);
    say("%d handlers, signal stack %d, priority %d, policy %d", changed, stack.ss_flags,
        getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
    return 0;
}

/* --- The allocator ---------------------------------------------------------------------------------- */

static unsigned alignment_of(const void *block)
{
    return block == NULL ? 0
           : (unsigned)((uintptr_t)block & -(uintptr_t)block) >= 64
               ? 64
               : (unsigned)((uintptr_t)block & -(uintptr_t)block);
}

static void show(const char *call, void *block)
{
    int error = errno;
    say("%s: %s errno %d usable %zu alignment %d", call, block == NULL ? "NULL" : "block", error,
        malloc_usable_size(block), alignment_of(block) >= 16);
    free(block);
    errno = 7;
}

static int allocator(void)
{
    static const size_t sizes[] = {0, 1, 8, 16, 24, 25, 100, 1000, 4096, 100000, 1 << 20, 33 << 20};
    char call[64];
    volatile size_t huge = PTRDIFF_MAX;
    errno = 7;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        snprintf(call, sizeof(call), "malloc(%zu)", sizes[i]);
        show(call, malloc(sizes[i]));
        show("calloc", calloc(3, sizes[i]));
        show("realloc(NULL)", realloc(NULL, sizes[i]));
        show("realloc", realloc(malloc(10), sizes[i] + 1));
        show("reallocarray", reallocarray(malloc(10), 3, sizes[i] + 1));
        show("memalign", memalign(256, sizes[i]));
        show("aligned_alloc", aligned_alloc(4096, sizes[i]));
        show("valloc", valloc(sizes[i]));
        show("pvalloc", pvalloc(sizes[i]));
    }
    show("malloc(huge)", malloc(huge));
    show("malloc(-1)", malloc((size_t)-1 & huge << 1));
    show("calloc(overflow)", calloc(huge, 16));
    show("reallocarray(overflow)", reallocarray(NULL, huge, 16));
    void *kept = malloc(100), *aligned = &call;
    volatile size_t odd = 3; /* no alignment; compilers would say so */
    memset(kept, 'k', 100);
    void *failed = realloc(kept, huge);
    say("realloc(huge) %d errno %d, block %s", failed == NULL, errno,
        memcmp(kept, "kkkk", 4) == 0 ? "kept" : "changed");
    errno = 7;
    say("realloc(p, 0) %d errno %d", realloc(kept, 0) == NULL, errno);
    say("posix_memalign %d %d %d", posix_memalign(&aligned, odd, 8), aligned == &call, errno);
    say("posix_memalign %d %d", posix_memalign(&aligned, 64, huge), errno);
    show("aligned_alloc(3)", aligned_alloc(odd, 8));
    show("memalign(5)", memalign(odd + 2, 8));
    say("posix_memalign %d errno %d", posix_memalign(&aligned, 64, 640), errno);
    show("posix_memalign", aligned);
    free(NULL);
    say("errno %d", errno);
    errno = ENOENT;
    allocate(20000, 700); /* chunks of the trace come and go meanwhile */
    say("errno %d", errno);
    return 0;
}

/* Recorder state must not be in what the program can read of its heap. */
static int contents(void)
{
    unsigned bad = 0;
    for (int i = 0; i < 2000; i++) {
        unsigned char *zero = calloc(1, 3000), *grown = malloc(100);
        for (int at = 0; at < 3000; at++)
            bad += zero[at] != 0;
        memset(grown, i, 100);
        grown = realloc(grown, 2000);
        for (int at = 0; at < 100; at++)
            bad += grown[at] != (unsigned char)i;
        free(zero);
        free(grown);
    }
    say("%u bad bytes", bad);
    return 0;
}

/* --- Stacks ----------------------------------------------------------------------------------------- */

static ucontext_t main_context, coroutine[2];

static void coroutine_main(int which)
{
    for (int i = 0; i < 200; i++) {
        allocate(1, 880 + (size_t)which);
        swapcontext(&coroutine[which], &coroutine[1 - which]);
    }
}

/* Coroutines on stacks of a few pages, in the heap and in the main stack. */
static int coroutines(void)
{
    char inside[16384];
    char *heap = malloc(16384);
    char *stacks[] = {heap, inside};
    for (int i = 0; i < 2; i++) {
        getcontext(&coroutine[i]);
        coroutine[i].uc_stack.ss_sp = stacks[i];
        coroutine[i].uc_stack.ss_size = 16384;
        coroutine[i].uc_link = &main_context;
        makecontext(&coroutine[i], (void (*)(void))coroutine_main, 1, i);
    }
    swapcontext(&main_context, &coroutine[0]);
    say("alive");
    return 0;
}

static jmp_buf back;
__attribute__((noinline)) static void jump(int depth)
{
    allocate(1, 882);
    if (depth == 0) longjmp(back, 1);
    if (depth > 0) jump(depth - 1);
    allocate(1, 883);
}

static int jumps(void)
{
    for (volatile int i = 0; i < 500; i++)
        if (setjmp(back) == 0) jump(i % 50);
    say("alive");
    return 0;
}

__attribute__((noinline)) static unsigned recurse(unsigned depth)
{
    char *volatile block = malloc(884);
    block[0] = 1;
    unsigned result = depth > 0 ? recurse(depth - 1) + (unsigned)block[0] : 0;
    free(block);
    return result;
}

static int deep(void)
{
    say("%u", recurse(20000));
    return 0;
}

/* A frame pointer that is no frame's, as hand-written code may leave it. */
static int wild_frame_pointer(void)
{
    static const uintptr_t values[] = {0, 1, 8, 4096, ~0ul, 0x7fffffffffff, 0xffffffff81000000};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        register uintptr_t frame __asm__("r12") = values[i];
        register void *(*function)(size_t) __asm__("r13") = malloc;
        void *block;
        __asm__ volatile("push %%rbp\n\t"
                         "mov %%rsp, %%r14\n\t"
                         "and $-16, %%rsp\n\t"
                         "sub $128, %%rsp\n\t"
                         "mov %%r12, %%rbp\n\t"
                         "call *%%r13\n\t"
                         "mov %%r14, %%rsp\n\t"
                         "pop %%rbp"
                         : "=a"(block)
                         : "r"(frame), "r"(function), "D"(885ul)
                         : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r14", "memory", "cc");
        free(block);
    }
    say("alive");
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"process", process},
        {"allocator", allocator},
        {"contents", contents},
        {"coroutines", coroutines},
        {"jumps", jumps},
        {"deep", deep},
        {"wild_frame_pointer", wild_frame_pointer},
    };
    return RUN_MODE(modes, argc, argv);
}
