/* An executable with an allocator of its own, as rustc's jemalloc: it takes a lock while it initialises
 * itself and makes a system call through syscall() then; whoever allocates in between would wait for ever. It
 * knows its own blocks, but not reallocarray, which the C library must bring back to its realloc. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { POOL_BYTES = 1 << 20 };
#define MARK 0x6d61726b6d61726bull

struct head {
    uint64_t mark;
    size_t size;
};

static _Alignas(16) uint8_t pool[POOL_BYTES];
static size_t used;
static int initialised, initialising;

static void fail(const char *why)
{
    if (write(1, why, strlen(why)) < 0) _exit(4);
    _exit(3);
}

static void initialise(void)
{
    if (initialising) fail("allocated from inside the allocator's initialisation\n");
    initialising = 1;
    syscall(SYS_getpid);
    initialising = 0;
    initialised = 1;
}

void *malloc(size_t size)
{
    if (!initialised) initialise();
    size_t whole = sizeof(struct head) + ((size + 15) & ~(size_t)15);
    if (size > POOL_BYTES || whole > POOL_BYTES - used) {
        errno = ENOMEM;
        return NULL;
    }
    struct head *head = (struct head *)(pool + used);
    used += whole;
    *head = (struct head){.mark = MARK, .size = size};
    return head + 1;
}

static struct head *head_of(void *block)
{
    struct head *head = (struct head *)block - 1;
    if ((uint8_t *)block < pool || (uint8_t *)block >= pool + POOL_BYTES || head->mark != MARK)
        fail("got a block that is not mine\n");
    return head;
}

void free(void *block)
{
    if (block != NULL) head_of(block);
}

void *calloc(size_t count, size_t size)
{
    return malloc(count * size); /* the pool is zeroed, and nothing is used twice */
}

void *realloc(void *block, size_t size)
{
    void *moved = malloc(size);
    if (block != NULL && moved != NULL) {
        size_t old = head_of(block)->size;
        memcpy(moved, block, old < size ? old : size);
    }
    return moved;
}

int main(void)
{
    char *text = strdup("the C library allocates here, too");
    char *again = reallocarray(text, 10, 10);
    printf("%s\n", again);
    free(again);
    return 7;
}
