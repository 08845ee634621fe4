/* analyzer/util/memory.c: growing arrays, the arena, and the end when there is no memory. */
/* objects: analyzer/util/memory.o analyzer/util/report_error.o analyzer/util/progress.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "util/memory.h"
#include "util/report_error.h"

static void arrays_grow(void **state)
{
    (void)state;
    int *numbers = NULL;
    size_t capacity = 0;
    for (int i = 0; i < 10000; i++) {
        numbers = memory_grow(numbers, &capacity, (size_t)i, sizeof *numbers);
        assert_true(capacity > (size_t)i);
        numbers[i] = i;
    }
    for (int i = 0; i < 10000; i++)
        assert_int_equal(numbers[i], i);
    free(numbers);
    void *nothing = memory_new(0, 8);
    assert_non_null(nothing);
    free(nothing);
    char *text = memory_text("abcdef", 3);
    assert_string_equal(text, "abc");
    free(text);
    text = memory_format("%d-%s", 7, "x");
    assert_string_equal(text, "7-x");
    free(text);
}

static void arena_blocks_do_not_overlap(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    static const size_t sizes[] = {1, 24, 0, 70000, 3, 65536, 16000, 17000, 65535, 1 << 20, 5};
    enum { COUNT = 11, ROUNDS = 20 };
    unsigned char *blocks[COUNT * ROUNDS];
    for (size_t i = 0; i < COUNT * ROUNDS; i++) {
        size_t size = sizes[i % COUNT];
        blocks[i] = arena_allocate(arena, size);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], (int)(i % 251) + 1, size);
    }
    for (size_t i = 0; i < COUNT * ROUNDS; i++)
        for (size_t k = 0; k < sizes[i % COUNT]; k++)
            assert_int_equal(blocks[i][k], i % 251 + 1);
    arena_free(arena);
    arena_free(NULL);
}

/* Run ASK in a child; its exit status and what it said. */
static int in_child(void (*ask)(void), char *said, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        ask();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t length; (length = read(ends[0], said + used, size - 1 - used)) > 0;)
        used += (size_t)length;
    said[used] = '\0';
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void ask_for_too_many(void)
{
    void *volatile block = memory_new(SIZE_MAX / 2, 8); /* the product overflows */
    (void)block;
}

static void ask_beyond_the_limit(void)
{
    struct rlimit limit = {64 << 20, 64 << 20};
    setrlimit(RLIMIT_AS, &limit);
    void *volatile block = memory_resize(NULL, 1, 256 << 20);
    (void)block;
}

static void ask_the_arena(void)
{
    void *volatile block = arena_allocate(arena_new(), SIZE_MAX - 8);
    (void)block;
}

/* ASan ends the program itself unless told not to; and it cannot live with RLIMIT_AS. */
#ifdef __SANITIZE_ADDRESS__
enum { ASKS = 2 };
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:detect_leaks=0" /* a child ends in the middle */;
}
#else
enum { ASKS = 3 };
#endif

static void no_memory_is_one_line(void **state)
{
    (void)state;
    void (*const asks[])(void) = {ask_for_too_many, ask_the_arena, ask_beyond_the_limit};
    for (size_t i = 0; i < ASKS; i++) {
        char said[4096];
        assert_int_equal(in_child(asks[i], said, sizeof said), EXIT_TROUBLE);
        const char *line = strstr(said, "memtrace: out of memory"); /* ASan warns in front of it */
        assert_non_null(line);
        assert_ptr_equal(strchr(line, '\n'), said + strlen(said) - 1);
    }
}

static void report_bad_name(void)
{
    report_error("'%s' is not a trace", "a\nb\033[31mc");
}

static void report_long_name(void)
{
    char name[5000];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    report_error("%s", name);
}

static void errors_are_one_line_whatever_the_name(void **state)
{
    (void)state;
    char said[8192];
    in_child(report_bad_name, said, sizeof said);
    assert_string_equal(said, "memtrace: 'a?b?[31mc' is not a trace\n");
    in_child(report_long_name, said, sizeof said);
    assert_true(strlen(said) < 1100);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_grow),
        cmocka_unit_test(arena_blocks_do_not_overlap),
        cmocka_unit_test(no_memory_is_one_line),
        cmocka_unit_test(errors_are_one_line_whatever_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
