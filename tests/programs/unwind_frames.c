/* flags: -fno-optimize-sibling-calls -Wno-infinite-recursion */
/* Frames of every shape that a compiler makes, each allocating: with and without a frame pointer, alloca,
 * variable arrays, over-aligned locals (a realigned stack), large locals, many arguments, calls through a
 * procedure linkage table, callbacks from the C library, longjmp out of deep frames, and a deep recursion.
 * unwind_frames [DEPTH]: how deep the recursion goes (default 2,000). Prints allocations=N, the calls it
 * made. */
#include <alloca.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__ /* has no such attributes; the shapes that need them are then like others */
#define KEEP __attribute__((noinline))
#define OPTIMIZE(as)
#else
#define KEEP         __attribute__((noinline, noclone))
#define OPTIMIZE(as) __attribute__((optimize(as)))
#endif

static unsigned long allocations;
static volatile unsigned long sum;

static KEEP void allocate(size_t size)
{
    void *block = malloc(size);
    allocations++;
    sum += (uintptr_t)block & 1;
    free(block);
}

static KEEP void with_alloca(unsigned n)
{
    volatile char *bytes = alloca(n * 16 + 1);
    bytes[n] = (char)n;
    allocate(n + 1);
    sum += (unsigned long)bytes[n];
    if (n) with_alloca(n - 1);
}

static KEEP void with_variable_array(unsigned n)
{
    volatile int numbers[n + 1];
    for (unsigned i = 0; i <= n; i++)
        numbers[i] = (int)i;
    allocate(n + 1);
    sum += (unsigned long)numbers[n / 2];
    if (n) with_variable_array(n - 1);
}

/* The stack is realigned: the CFA is the word at rbp - 8 or so, or rbp plus an offset, as the compiler likes.
 */
static KEEP void over_aligned(unsigned n)
{
    volatile char bytes[64] __attribute__((aligned(64)));
    bytes[n % 64] = 1;
    allocate(n + 1);
    if ((uintptr_t)bytes % 64) abort();
    sum += (unsigned long)bytes[n % 64];
    if (n) over_aligned(n - 1);
}

/* Realigned and with a variable array: gcc keeps the argument pointer in a register and saves it. */
static KEEP void over_aligned_variable(unsigned n, int a, int b, int c, int d, int e, int f, int g, int h)
{
    volatile char fixed[128] __attribute__((aligned(128)));
    volatile char bytes[n + 1];
    fixed[n % 128] = bytes[n] = (char)(a + b + c + d + e + f + g + h);
    allocate(n + 1);
    sum += (unsigned long)(fixed[n % 128] + bytes[n]);
    if (n) over_aligned_variable(n - 1, b, c, d, e, f, g, h, a);
}

static KEEP OPTIMIZE("no-omit-frame-pointer") void with_frame_pointer(unsigned n);

static KEEP OPTIMIZE("omit-frame-pointer") void without_frame_pointer(unsigned n)
{
    volatile unsigned long keep[5] = {n, n, n, n, n};
    allocate(n + 1);
    if (n) with_frame_pointer(n - 1);
    sum += keep[n % 5];
}

static KEEP void with_frame_pointer(unsigned n)
{
    volatile unsigned long keep[3] = {n, n, n};
    allocate(n + 1);
    if (n) without_frame_pointer(n - 1);
    sum += keep[n % 3];
}

/* 2 MiB and 20 MiB: further than what is looked at in one step, and than what is looked at at all. */
static KEEP void with_large_local(unsigned n)
{
    volatile char bytes[2 << 20];
    bytes[n] = 1;
    allocate(n + 1);
    if (n) with_large_local(n - 1);
    sum += (unsigned long)bytes[n];
}

static KEEP void pushes_arguments(long a, long b, long c, long d, long e, long f, long g, long h, long i)
{
    allocate((size_t)(a + b + c + d + e + f + g + h + i));
    if (a) pushes_arguments(a - 1, b, c, d, e, f, g, h, i);
    allocate((size_t)a + 1);
}

static int compare(const void *a, const void *b)
{
    allocate(8);
    return *(const int *)a - *(const int *)b;
}

static KEEP void called_back(void)
{
    int numbers[100], key = 7;
    for (int i = 0; i < 100; i++)
        numbers[i] = i * 37 % 100;
    qsort(numbers, 100, sizeof numbers[0], compare);
    if (!bsearch(&key, numbers, 100, sizeof numbers[0], compare)) abort();
}

static jmp_buf back;

static KEEP void jump(unsigned n)
{
    allocate(n + 1);
    if (n == 0) longjmp(back, 1);
    jump(n - 1);
    allocate(n + 2);
}

static KEEP void jump_out(void)
{
    for (volatile unsigned i = 0; i < 20; i++) {
        if (setjmp(back) == 0) jump(i * 3);
        allocate(i + 1);
    }
}

static KEEP void recurse(unsigned depth, unsigned every)
{
    if (depth % every == 0) allocate(depth + 1);
    if (depth) recurse(depth - 1, every);
    sum += depth;
}

/* A jump instead of a call: this frame is gone when allocate runs. */
static KEEP OPTIMIZE("optimize-sibling-calls") void tail_calls(size_t size)
{
    if (size % 2) return with_alloca((unsigned)size % 3);
    return allocate(size);
}

int main(int argc, char **argv)
{
    unsigned depth = argc > 1 ? (unsigned)atoi(argv[1]) : 2000;
    with_alloca(30);
    with_variable_array(30);
    over_aligned(30);
    over_aligned_variable(30, 1, 2, 3, 4, 5, 6, 7, 8);
    with_frame_pointer(30);
    with_large_local(2);
    pushes_arguments(20, 2, 3, 4, 5, 6, 7, 8, 9);
    called_back();
    jump_out();
    for (size_t size = 1; size < 20; size++)
        tail_calls(size);
    recurse(depth, depth / 200 + 1);
    dprintf(1, "allocations=%lu\n", allocations);
    return 0;
}
