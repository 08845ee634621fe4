/* flags: -pthread -Wl,-z,now */
/* How much of a stack hooks use: each job runs on a stack that was filled with a pattern, and what of it is
 * left tells. Line by line into the file that $SAID names: job, bytes. (-z now: the loader's lazy binding
 * takes more.) */
#include "hostile.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <ucontext.h>

#define STACK_BYTES 65536u
#define PATTERN     0xa5

static ucontext_t back, there;
static unsigned char stack[STACK_BYTES] __attribute__((aligned(4096)));
static void (*job)(void);
static int report_fd;

static void entry(void)
{
    job();
}

static void measure(const char *name, void (*what)(void))
{
    char line[100];
    volatile unsigned untouched = 0;
    memset(stack, PATTERN, sizeof(stack));
    job = what;
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof(stack);
    there.uc_link = &back;
    makecontext(&there, entry, 0);
    swapcontext(&back, &there);
    while (untouched < sizeof(stack) && stack[untouched] == PATTERN)
        untouched++;
    int length = snprintf(line, sizeof(line), "%s %u\n", name, (unsigned)sizeof(stack) - untouched);
    if (write(report_fd, line, (size_t)length) != length) _exit(50);
}

static void pair(void)
{
    free(malloc(64));
}

static void other_code(void)
{
    free(calloc(1, 64));
    free(realloc(malloc(3), 64));
    void *block;
    if (posix_memalign(&block, 64, 64) == 0) free(block);
}

static void chunks(void)
{
    for (int i = 0; i < 100000; i++)
        free(malloc(64));
}

static void *in_thread(void *argument)
{
    measure("thread", pair);
    return argument;
}

int main(void)
{
    report_fd = open(getenv("SAID"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (report_fd < 0) return 50;
    measure("first", pair);
    measure("again", pair);
    measure("other_code", other_code);
    measure("chunks", chunks);
    pid_t child = fork();
    if (child == 0) {
        measure("fork_child", pair);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    pthread_t thread;
    if (pthread_create(&thread, NULL, in_thread, NULL) != 0) return 50;
    pthread_join(thread, NULL);
    say("alive");
    return 0;
}
