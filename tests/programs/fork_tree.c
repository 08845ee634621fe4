/* fork_tree: a parent that makes children in every way, each of which allocates a known number of blocks:
 *   fork             the child makes 100 allocations of 1001 bytes and frees 10 blocks inherited from the
 * parent vfork + exec     the new image makes 200 of 1002 posix_spawn      the new image makes 300 of 1003
 *   fork, then exec  the child makes 400 of 1004, then execs an image that makes 500 of 1005
 * The parent makes 50 of 1000 bytes before, and 50 after. fork_tree COUNT SIZE is such a new image. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static void *blocks[1000];

static void allocate(unsigned first, unsigned count, size_t size)
{
    for (unsigned index = first; index < first + count; index++) {
        blocks[index] = malloc(size);
        memset(blocks[index], 1, size);
    }
}

static void wait_for(pid_t child)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        dprintf(2, "child %d failed: status %#x\n", (int)child, status);
        exit(1);
    }
}

static void by_fork(void)
{
    pid_t child = fork();
    if (child == 0) {
        allocate(100, 100, 1001);
        for (unsigned index = 0; index < 10; index++)
            free(blocks[index]);
        exit(0);
    }
    wait_for(child);
}

static void by_vfork(char *self)
{
    char *arguments[] = {self, "200", "1002", NULL};
    pid_t child = vfork();
    if (child == 0) {
        execv(self, arguments);
        _exit(127);
    }
    wait_for(child);
}

static void by_posix_spawn(char *self)
{
    char *arguments[] = {self, "300", "1003", NULL};
    pid_t child = -1;
    if (posix_spawn(&child, self, NULL, NULL, arguments, environ) != 0) exit(1);
    wait_for(child);
}

static void by_fork_and_exec(char *self)
{
    char *arguments[] = {self, "500", "1005", NULL};
    pid_t child = fork();
    if (child == 0) {
        allocate(100, 400, 1004);
        execv(self, arguments);
        _exit(127);
    }
    wait_for(child);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        allocate(0, (unsigned)atoi(argv[1]), (size_t)atoi(argv[2]));
        return 0;
    }
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length < 0) return 1;
    self[length] = 0;
    allocate(0, 50, 1000);
    by_fork();
    by_vfork(self);
    by_posix_spawn(self);
    by_fork_and_exec(self);
    allocate(50, 50, 1000);
    return 0;
}
