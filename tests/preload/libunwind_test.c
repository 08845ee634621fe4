/* objects: preload/slow/libunwind.o preload/hot/unwind.o preload/hot/remembered.o preload/slow/cfi_rule.o */
/* objects: preload/slow/cfi_entry.o preload/slow/module_find.o */
/* objects: preload/slow/rule_cache.o preload/slow/stack_range.o */
/* libunwind behind the recorder's interface: the same frames as our own walk, none of the recorder's, exact
 * limits; and no harm where the library is missing or is another one. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hot/unwind.h"
#include "unwind_frames.h"

static unsigned reasons[UNWIND_END_COUNT];

void recorder_count(unsigned reason)
{
    reasons[reason]++;
}

void slow_module_seen(uint64_t address, const struct dl_find_object *found)
{
    if (!address || !found) abort();
}

static uint64_t ours[1000], theirs[1000];
static struct unwound our_outcome, their_outcome;
static struct unwind_thread thread;
static struct unwind_frame memory[6 * 1000 + 2048];

static struct unwound libunwind_frames(const struct unwind_registers *from, uint32_t max)
{
    enum unwind_end ended;
    uint32_t depth = libunwind_stack(from, theirs, max, &ended);
    return (struct unwound){
        .depth = depth, .truncated = ended == UNWIND_DEPTH_LIMIT, .ended = (uint8_t)ended};
}

static __attribute__((noinline)) void hook(uint32_t max)
{
    struct unwind_registers from = frame_of_caller();
    if (!thread.arena) unwind_remember(&thread, memory, 1000);
    our_outcome = unwind_frames(&thread, &from, ours, max, true);
    their_outcome = libunwind_frames(&from, max);
}

static __attribute__((noinline)) void descend(unsigned depth, uint32_t max)
{
    volatile unsigned keep = depth;
    if (depth)
        descend(depth - 1, max);
    else
        hook(max);
    keep++;
}

static void same(unsigned depth, uint32_t max)
{
    descend(depth, max);
    assert_int_equal(their_outcome.depth, our_outcome.depth);
    assert_memory_equal(theirs, ours, our_outcome.depth * sizeof ours[0]);
    assert_int_equal(their_outcome.truncated, our_outcome.truncated);
    assert_int_equal(their_outcome.ended, our_outcome.ended);
}

static int compare(const void *a, const void *b)
{
    hook(1000);
    return *(const int *)a - *(const int *)b;
}

static void test_same_frames(void **state)
{
    int numbers[20];
    (void)state;
    for (unsigned depth = 0; depth < 100; depth++)
        same(depth, 1000);
    same(900, 1000);
    for (int i = 0; i < 20; i++)
        numbers[i] = i * 7 % 20;
    qsort(numbers, 20, sizeof numbers[0], compare);
    assert_int_equal(their_outcome.depth, our_outcome.depth);
    assert_memory_equal(theirs, ours, our_outcome.depth * sizeof ours[0]);
}

static void test_same_limits(void **state)
{
    unsigned before = reasons[UNWIND_DEPTH_LIMIT];
    uint32_t max = 0;
    (void)state;
    do {
        same(50, ++max);
        assert_int_equal(their_outcome.depth, max);
    } while (their_outcome.truncated);
    assert_true(max > 50);
    assert_int_equal(reasons[UNWIND_DEPTH_LIMIT], before + 2 * (max - 1)); /* both count */
    same(50, max + 1);
    assert_int_equal(their_outcome.depth, max);
}

/* A caller that is none: libunwind does not meet it. */
static void test_unreachable_caller(void **state)
{
    struct unwind_registers from = frame_of_caller();
    (void)state;
    from.sp += 8;
    their_outcome = libunwind_frames(&from, 1000);
    assert_int_equal(their_outcome.depth, 1);
    assert_int_equal(theirs[0], from.pc);
    assert_int_equal(their_outcome.ended, UNWIND_NO_CFI);
}

/* The object under test calls this dlopen. */
static const char *instead;
static void *(*next_dlopen)(const char *, int);
void *dlopen(const char *file, int mode)
{
    if (!next_dlopen) *(void **)&next_dlopen = dlsym(RTLD_NEXT, "dlopen");
    return next_dlopen(instead ? instead : file, mode);
}

static void test_missing_library(void **state)
{
    (void)state;
    instead = "libunwind-there-is-none.so.8";
    assert_false(libunwind_open());
    instead = "libc.so.6"; /* a library without the functions */
    assert_false(libunwind_open());
    instead = NULL;
    assert_true(libunwind_open());
    assert_null(dlsym(RTLD_DEFAULT, "unw_backtrace")); /* local: its names reach nobody */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_library),
        cmocka_unit_test(test_same_frames),
        cmocka_unit_test(test_same_limits),
        cmocka_unit_test(test_unreachable_caller),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (!unwind_init()) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
