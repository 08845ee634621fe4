/* flags: -pthread */
/* Stacks as they should not be: very deep, switched by hand, gone, with holes, below code that no table
 * describes and with frame pointers that are no frame's. Blocks of 885 and 886 bytes. */
#include "hostile.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

static int work(void)
{
    allocate(20000, 777);
    say("alive");
    return 0;
}

/* --- Deep ----------------------------------------------------------------------------------------------- */

__attribute__((noinline)) static unsigned recurse(unsigned depth)
{
    char *volatile block = depth % 10 == 0 ? malloc(884) : NULL;
    unsigned result = depth > 0 ? recurse(depth - 1) + 1 : 0;
    free(block);
    return result;
}

static void *recurse_in_thread(void *argument)
{
    return (void *)(uintptr_t)recurse(*(unsigned *)argument);
}

/* 100,000 frames, on a thread's stack of a GiB, which is touched only as far as they reach. */
static int deep(void)
{
    unsigned depth = 100000;
    void *result;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1ul << 30);
    for (int i = 0; i < 3; i++) {
        if (pthread_create(&thread, &attributes, recurse_in_thread, &depth) != 0) return 60;
        pthread_join(thread, &result);
        say("%u", (unsigned)(uintptr_t)result);
    }
    return work();
}

/* On the initial stack, as far as it goes; large frames between small ones. */
__attribute__((noinline)) static unsigned leaps(unsigned depth)
{
    char room[1 << 20];
    memset(room, (int)depth, 64);
    __asm__ volatile("" : : "r"(room) : "memory");
    allocate(10, 886);
    return depth > 0 ? leaps(depth - 1) + (unsigned char)room[5] : 0;
}

static int large_frames(void)
{
    struct rlimit limits = {64u << 20, 64u << 20};
    setrlimit(RLIMIT_STACK, &limits);
    for (int i = 0; i < 5; i++)
        say("%u %u", leaps(40), recurse(20000));
    return work();
}

/* --- Switched by hand ------------------------------------------------------------------------------------
 */

/* Call FUNCTION(ARGUMENT) with the stack pointer at STACK_TOP and the frame pointer FRAME, then come back. No
 * table says how. */
static void call_on(void *stack_top, uintptr_t frame, void (*function)(uintptr_t), uintptr_t argument)
{
    register uintptr_t top __asm__("r12") = (uintptr_t)stack_top & ~15ul;
    register uintptr_t pointer __asm__("r13") = frame;
    register void (*target)(uintptr_t) __asm__("r15") = function;
    __asm__ volatile("push %%rbp\n\t"
                     "mov %%rsp, %%r14\n\t"
                     "mov %%r12, %%rsp\n\t"
                     "mov %%r13, %%rbp\n\t"
                     "call *%%r15\n\t"
                     "mov %%r14, %%rsp\n\t"
                     "pop %%rbp"
                     : "+r"(top), "+r"(pointer), "+r"(target), "+D"(argument)
                     :
                     : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r14", "memory", "cc");
}

__attribute__((noinline)) static void allocates(uintptr_t count)
{
    allocate((unsigned)count, 885);
}

enum { STACK_BYTES = 65536 };

static char *stack_map(void)
{
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return stack == MAP_FAILED ? NULL : stack;
}

/* Stacks in mappings, in the heap and in static memory; used, unmapped, and another thing put in their place.
 */
static int switched(void)
{
    static char in_data[STACK_BYTES];
    for (int i = 0; i < 200; i++) {
        char *mapped = stack_map(), *heap = malloc(STACK_BYTES);
        if (mapped == NULL || heap == NULL) return 61;
        call_on(mapped + STACK_BYTES - 64, (uintptr_t)i, allocates, 5);
        call_on(heap + STACK_BYTES - 64, (uintptr_t)heap, allocates, 5);
        call_on(in_data + STACK_BYTES - 64, ~0ul, allocates, 5);
        allocate(5, 885);
        if (i & 1)
            munmap(mapped, STACK_BYTES);
        else
            mprotect(mapped, STACK_BYTES, PROT_NONE);
        allocate(5, 885);
        free(heap);
    }
    return work();
}

/* The very top of a mapping, behind which there is none: a look at one word more would be a fault. */
static int at_the_edge(void)
{
    char *stack = mmap(NULL, 3 * STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) return 62;
    stack += STACK_BYTES;
    mprotect(stack, STACK_BYTES, PROT_READ | PROT_WRITE);
    for (unsigned below = 0; below <= 256; below += 16)
        call_on(stack + STACK_BYTES - below, (uintptr_t)stack + STACK_BYTES - below, allocates, 10);
    return work();
}

/* In the thread's own stack there is a stack of a coroutine, with a page at each end that nobody may read. */
static int guarded_array(void)
{
    char array[STACK_BYTES + 3 * 4096];
    char *first = array + (-(uintptr_t)array & 4095), *last = first + STACK_BYTES;
    if (mprotect(first, 4096, PROT_NONE) != 0 || mprotect(last, 4096, PROT_NONE) != 0) return 63;
    for (int i = 0; i < 50; i++) {
        allocate(10, 885);
        call_on(last - 16, (uintptr_t)last + (uintptr_t)i * 64, allocates, 10);
        call_on(last - 4096, (uintptr_t)first + 8, allocates, 10);
    }
    mprotect(first, 4096, PROT_READ | PROT_WRITE);
    mprotect(last, 4096, PROT_READ | PROT_WRITE);
    return work();
}

static void *guarded_array_in_thread(void *argument)
{
    return (void *)(uintptr_t)(guarded_array() + (argument != NULL));
}

static int guarded_array_thread(void)
{
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, guarded_array_in_thread, NULL);
    pthread_join(thread, &result);
    return (int)(uintptr_t)result;
}

/* For good: the thread goes on on another stack, and of its own nothing can be read any more, where the frame
 * pointers of the new one still lead. */
void leave_stack(void *stack_top, void (*function)(void));
__asm__(".text\n"
        ".type leave_stack, @function\n"
        "leave_stack:\n\t"
        ".cfi_startproc\n\t"
        "push %rbp\n\t"
        ".cfi_def_cfa_offset 16\n\t"
        ".cfi_offset %rbp, -16\n\t"
        "mov %rsp, %rbp\n\t"
        ".cfi_def_cfa_register %rbp\n\t"
        "mov %rdi, %rsp\n\t"
        "call *%rsi\n\t"
        "leave\n\t"
        "ret\n\t"
        ".cfi_endproc\n"
        ".size leave_stack, . - leave_stack");

static uintptr_t left_low, left_high;
static bool left_unmapped;

static void stay_away(void)
{
    void *left = (void *)left_low;
    size_t bytes = left_high - left_low;
    if ((left_unmapped ? munmap(left, bytes) : mprotect(left, bytes, PROT_NONE)) != 0) _exit(66);
    allocate(100, 885);
    exit(work());
}

__attribute__((noinline)) static void leave_own(unsigned depth)
{
    char room[10000];
    memset(room, (int)depth, 64);
    __asm__ volatile("" : : "r"(room) : "memory");
    if (depth > 0) {
        leave_own(depth - 1);
    } else {
        char *stack = stack_map();
        left_low = (uintptr_t)__builtin_frame_address(0) & ~4095ul;
        allocate(10, 885); /* the stack is known as far as here */
        leave_stack(stack + STACK_BYTES - 64, stay_away);
    }
    allocate(1, 886);
    __asm__ volatile("" : : "r"(room) : "memory");
}

/* The initial stack: all but the page of arguments and environment. The kernel would let it grow again into
 * what was unmapped. */
static int left_for_good(void)
{
    left_high = (uintptr_t)__builtin_frame_address(0) & ~4095ul;
    leave_own(20);
    return 67;
}

static void *left_by_thread(void *argument)
{
    left_high = (uintptr_t)__builtin_frame_address(0) & ~4095ul; /* its descriptor lies above */
    left_unmapped = true;
    leave_own(20);
    return argument;
}

static int left_for_good_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, left_by_thread, NULL);
    pthread_join(thread, NULL);
    return 67;
}

/* --- Code that no table describes ------------------------------------------------------------------------
 */

typedef void generated(void (*function)(uintptr_t), uintptr_t argument, uintptr_t frame);

/* push rbp; push rbx; sub rsp, 24; mov rbp, rdx; mov rax, rdi; mov rdi, rsi; call rax; add rsp, 24; pop rbx;
 * pop rbp; ret: as a compiler at run time makes it, which uses rbp for what it likes. */
static generated *generate(unsigned char *memory)
{
    static const unsigned char code[] = {0x55, 0x53, 0x48, 0x83, 0xec, 0x18, 0x48, 0x89,
                                         0xd5, 0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0xff,
                                         0xd0, 0x48, 0x83, 0xc4, 0x18, 0x5b, 0x5d, 0xc3};
    memcpy(memory, code, sizeof(code));
    mprotect(memory, 4096, PROT_READ | PROT_EXEC);
    generated *function;
    memcpy(&function, &memory, sizeof(function));
    return function;
}

static int generated_code(void)
{
    char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t frames[] = {0,
                          1,
                          8,
                          ~0ul,
                          ~7ul,
                          0x7ffffffff000,
                          1ul << 63,
                          4096,
                          here,
                          here + 1,
                          here + 8,
                          here - 64,
                          here + 100000,
                          here & ~4095ul,
                          here + 16,
                          (1ul << 47) - 8,
                          (1ul << 47) - 16,
                          (uintptr_t)none,
                          (uintptr_t)none + 4088,
                          (uintptr_t)&none,
                          (uintptr_t)environ,
                          (uintptr_t)environ[0]};
    for (int i = 0; i < 50; i++) {
        unsigned char *memory = (unsigned char *)stack_map();
        if (memory == NULL) return 64;
        generated *function = generate(memory);
        for (size_t j = 0; j < sizeof(frames) / sizeof(frames[0]); j++)
            function(allocates, 3, frames[j]);
        munmap(memory, STACK_BYTES); /* and the next comes to lie there */
    }
    return work();
}

static void *generated_code_in_thread(void *argument)
{
    return (void *)(uintptr_t)(generated_code() + (argument != NULL));
}

static int generated_code_thread(void)
{
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, generated_code_in_thread, NULL);
    pthread_join(thread, &result);
    return (int)(uintptr_t)result;
}

/* --- Coroutines that come and go --------------------------------------------------------------------------
 */

static ucontext_t scheduler, coroutines[8];
static int finished;

__attribute__((noinline)) static void yields(int which, int depth)
{
    if (depth > 0) {
        yields(which, depth - 1);
        return;
    }
    allocate(2, 885);
    swapcontext(&coroutines[which], &scheduler);
    allocate(2, 886);
}

static void coroutine_main(int which)
{
    for (int i = 0; i < 20; i++)
        yields(which, i);
    finished++;
    swapcontext(&coroutines[which], &scheduler); /* never comes back: its stack is unmapped */
}

/* 100 times 8 coroutines, each on a stack of its own that is unmapped behind it. */
static int coroutines_mapped(void)
{
    for (volatile int round = 0; round < 100; round++) {
        char *stacks[8];
        for (int i = 0; i < 8; i++) {
            stacks[i] = stack_map();
            getcontext(&coroutines[i]);
            coroutines[i].uc_stack.ss_sp = stacks[i];
            coroutines[i].uc_stack.ss_size = STACK_BYTES;
            coroutines[i].uc_link = NULL;
            makecontext(&coroutines[i], (void (*)(void))coroutine_main, 1, i);
        }
        for (int done = finished; finished < done + 8;)
            for (int i = 0; i < 8 && finished < done + 8; i++)
                swapcontext(&scheduler, &coroutines[i]);
        for (int i = 0; i < 8; i++)
            munmap(stacks[i], STACK_BYTES);
    }
    say("%d", finished);
    return work();
}

/* A thread on a stack of the program's, which is unmapped when it has ended; the next one lies elsewhere. */
static void *thread_main(void *argument)
{
    allocate(20, 885);
    return argument;
}

static int thread_stacks_unmapped(void)
{
    for (int i = 0; i < 300; i++) {
        char *stack = stack_map();
        pthread_attr_t attributes;
        pthread_t thread;
        pthread_attr_init(&attributes);
        if (stack == NULL || pthread_attr_setstack(&attributes, stack, STACK_BYTES) != 0) return 65;
        if (pthread_create(&thread, &attributes, thread_main, NULL) != 0) return 65;
        pthread_join(thread, NULL);
        munmap(stack, STACK_BYTES);
    }
    return work();
}

/* --- Jumps ------------------------------------------------------------------------------------------------
 */

static jmp_buf back;
__attribute__((noinline)) static void jumps(unsigned depth)
{
    char *volatile block = malloc(885);
    free(block);
    if (depth == 0) longjmp(back, 1);
    if (depth != UINT32_MAX) jumps(depth - 1);
    block = malloc(886);
    free(block);
}

static void jump_away(uintptr_t depth)
{
    jumps((unsigned)depth);
}

/* Out of one stack into another. */
static int jumps_between_stacks(void)
{
    char *stack = stack_map();
    for (volatile int i = 0; i < 1000; i++)
        if (setjmp(back) == 0) call_on(stack + STACK_BYTES - 64, 0, jump_away, (uintptr_t)(i % 100));
    return work();
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"work", work},
        {"deep", deep},
        {"large_frames", large_frames},
        {"switched", switched},
        {"at_the_edge", at_the_edge},
        {"guarded_array", guarded_array},
        {"guarded_array_thread", guarded_array_thread},
        {"left_for_good", left_for_good},
        {"left_for_good_thread", left_for_good_thread},
        {"generated_code", generated_code},
        {"generated_code_thread", generated_code_thread},
        {"coroutines_mapped", coroutines_mapped},
        {"thread_stacks_unmapped", thread_stacks_unmapped},
        {"jumps_between_stacks", jumps_between_stacks},
    };
    return RUN_MODE(modes, argc, argv);
}
