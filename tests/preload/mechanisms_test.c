/* What is tried before the first event: on this kernel all of it works, and the header is left as it was; an
 * emulator or a kernel that only pretends is found out, whatever it pretends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "syscall.h"

/* A system that accepts LIED_ADVICE (any: -1) and does nothing, and whose mremap and mincore may pretend. */
enum { TRUTH = 0, ANY_ADVICE = -1 };
static int lied_advice;
static bool mremap_copies, mremap_fails, nothing_resident;
static long system_calls;

static long pretending_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    system_calls++;
    if (number == SYS_madvise && lied_advice != TRUTH && (lied_advice == ANY_ADVICE || c == lied_advice))
        return 0;
    if (number == SYS_mremap && mremap_fails) return -22; /* EINVAL */
    if (number == SYS_mremap && mremap_copies)
        return raw_syscall(SYS_mmap, 0, c, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long result = raw_syscall(number, a, b, c, d, e, f);
    if (number == SYS_mincore && nothing_resident) *(uint8_t *)c &= 0xfe;
    return result;
}
#define raw_syscall pretending_syscall

#include "../../preload/process/mechanisms.c"

size_t recorder_page_size;
struct image image;
_Atomic uint32_t sandbox_forbidden;

static struct trace_header *map_header(void)
{
    char name[] = "mechanisms_test.XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    void *header = mmap(NULL, TRACE_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(header, MAP_FAILED);
    close(fd);
    memset(header, 0, TRACE_HEADER_BYTES); /* populated on any kernel */
    return header;
}

static bool refused(const char *word)
{
    struct trace_header *header = map_header();
    const char *reason = try_all(header);
    munmap(header, TRACE_HEADER_BYTES);
    return reason != NULL && strstr(reason, word) != NULL;
}

static void test_all_is_there(void **state)
{
    static const uint8_t zeros[TRACE_HEADER_BYTES];
    struct trace_header *header = map_header();
    (void)state;
    system_calls = 0;
    assert_null(try_all(header));
    assert_int_equal(system_calls, 6);
    assert_memory_equal(header, zeros, sizeof zeros);
    munmap(header, TRACE_HEADER_BYTES);
}

/* qemu-user 7.2. */
static void test_any_advice(void **state)
{
    (void)state;
    lied_advice = ANY_ADVICE;
    assert_true(refused("any advice"));
    lied_advice = TRUTH;
}

static void test_one_advice(void **state)
{
    (void)state;
    lied_advice = MADV_WIPEONFORK;
    assert_true(refused("any advice"));
    lied_advice = MADV_POPULATE_WRITE;
    assert_true(refused("populate"));
    lied_advice = TRUTH;
}

/* Under a filter that was there before us mincore is not asked. */
static void test_not_populated(void **state)
{
    (void)state;
    nothing_resident = true;
    assert_true(refused("populate"));
    image.seccomp_inherited = true;
    assert_false(refused(""));
    image.seccomp_inherited = false;
    nothing_resident = false;
}

static void test_not_duplicated(void **state)
{
    (void)state;
    mremap_fails = true;
    assert_true(refused("mremap"));
    mremap_fails = false;
    mremap_copies = true;
    assert_true(refused("mremap"));
    mremap_copies = false;
}

/* Last: the verdict stays. A fork child behind a filter makes no calls that it may be killed for. */
static void test_verdict(void **state)
{
    struct trace_header *header = map_header();
    (void)state;
    image.initialised = true;
    sandbox_forbidden = SANDBOX_SAMPLES;
    system_calls = 0;
    assert_null(mechanisms_test(header));
    assert_int_equal(system_calls, 0);
    sandbox_forbidden = 0;
    mremap_fails = true;
    assert_non_null(mechanisms_test(header));
    assert_true(system_calls > 0);
    mremap_fails = false;
    assert_non_null(mechanisms_test(header));
    munmap(header, TRACE_HEADER_BYTES);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_there),   cmocka_unit_test(test_any_advice),
        cmocka_unit_test(test_one_advice),     cmocka_unit_test(test_not_populated),
        cmocka_unit_test(test_not_duplicated), cmocka_unit_test(test_verdict),
    };
    recorder_page_size = (size_t)getpagesize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
