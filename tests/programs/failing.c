/* What is no allocation, or hardly one: failures, zero sizes, NULL. Also checks that results and errno are
 * what glibc's manual says, so that it says so when a recorder changed them. The argument `without_errno`
 * leaves errno alone: valgrind's calloc, for one, does not set it. */
#include "counted.h"
#include <errno.h>

/* No compiler may know them: it would warn of sizes that cannot be had, or fold the calls. */
static volatile size_t too_much = SIZE_MAX - 4096, zero, half = SIZE_MAX / 2 + 2;

static int without_errno;

static int errno_is(int value)
{
    return without_errno || errno == value;
}

static void expect(int claim, const char *what)
{
    if (claim) return;
    dprintf(2, "not as glibc documents: %s (errno %d)\n", what, errno);
    exit(1);
}

static void failures(void)
{
    errno = 0;
    expect(!counted_malloc(too_much) && errno_is(ENOMEM), "malloc of too much");
    errno = 0;
    expect(!counted_calloc(half, 2) && errno_is(ENOMEM), "calloc that overflows");
    errno = 0;
    /* volatile: the compiler takes a block for gone after any realloc, a failed one too */
    void *volatile block = counted_malloc(24);
    memset(block, 7, 24);
    expect(!counted_realloc(block, too_much) && errno_is(ENOMEM), "realloc to too much");
    expect(((char *)block)[23] == 7, "the block after a failed realloc");
    errno = 0;
    expect(!counted_result(reallocarray(block, half, 2), 0) && errno_is(ENOMEM),
           "reallocarray that overflows");
    errno = 0;
    expect(!counted_realloc(NULL, too_much) && errno_is(ENOMEM), "realloc of NULL to too much");
    void *aligned = block;
    errno = 0;
    expect(posix_memalign(&aligned, 24, 8) == EINVAL, "posix_memalign to 24");
    expect(posix_memalign(&aligned, 64, too_much) == ENOMEM, "posix_memalign of too much");
    expect(aligned == block, "posix_memalign leaves the pointer alone when it fails");
    expect(!counted_result(aligned_alloc(64, too_much), 0), "aligned_alloc of too much");
    counted_failures += 2;
    counted_free(block);
}

static void zero_sizes(void)
{
    void *blocks[] = {counted_malloc(zero), counted_calloc(zero, 8), counted_calloc(8, zero),
                      counted_realloc(NULL, zero)};
    for (unsigned index = 0; index < sizeof(blocks) / sizeof(*blocks); index++) {
        expect(blocks[index] != NULL, "an allocation of zero bytes");
        counted_free(blocks[index]);
    }
    void *block = counted_malloc(100);
    errno = 0;
    expect(!counted_realloc(block, zero) && errno_is(0), "realloc to zero frees");
}

static void errno_kept(void)
{
    errno = EXDEV;
    void *block = counted_malloc(10);
    block = counted_realloc(block, 5000);
    counted_free(block);
    counted_free(NULL);
    expect(errno_is(EXDEV), "errno after calls that succeed");
}

int main(int argc, char **argv)
{
    without_errno = argc > 1 && strcmp(argv[1], "without_errno") == 0;
    for (unsigned round = 0; round < 50; round++) {
        failures();
        zero_sizes();
        errno_kept();
    }
    return counted_print();
}
