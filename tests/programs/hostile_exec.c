/* Every way to exec, and every way in which it fails. */
#include "hostile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *self;
static char **arguments; /* behind the mode */

static int wait_for(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) != child) return -1;
    return status;
}

static int leaf(void)
{
    allocate(100, 821);
    say("leaf %s", arguments[0] != NULL ? arguments[0] : "");
    return 6;
}

/* The same process, image after image. */
static int chain(void)
{
    int left = arguments[0] != NULL ? atoi(arguments[0]) : 3;
    allocate(50, 822);
    if (left == 0) return 0;
    char next[16];
    snprintf(next, sizeof(next), "%d", left - 1);
    execl(self, self, "chain", next, NULL);
    return 90;
}

int execveat(int directory, const char *path, char *const argv[], char *const envp[], int flags);

static int by(int which)
{
    char *argv[] = {self, (char *)"leaf", (char *)"v", NULL};
    char *base = strrchr(self, '/') + 1;
    switch (which) {
    case 0:
        return execl(self, self, "leaf", "execl", NULL);
    case 1:
        return execlp(base, self, "leaf", "execlp", NULL);
    case 2:
        return execle(self, self, "leaf", "execle", NULL, environ);
    case 3:
        return execv(self, argv);
    case 4:
        return execvp(base, argv);
    case 5:
        return execve(self, argv, environ);
    case 6:
        return execvpe(base, argv, environ);
    case 7:
        return fexecve(open(self, O_RDONLY | O_CLOEXEC), argv, environ);
    default:
        return execveat(AT_FDCWD, self, argv, environ, 0);
    }
}

/* PATH leads to a directory of the program's name and to a file that cannot be executed before the program.
 */
static int variants(void)
{
    char path[4096];
    snprintf(path, sizeof(path), "/nowhere:decoys/directory:decoys/plain:%.*s",
             (int)(strrchr(self, '/') - self), self);
    setenv("PATH", path, 1);
    for (int i = 0; i < 9; i++) {
        pid_t child = fork();
        if (child == 0) {
            allocate(10, 823);
            by(i);
            _exit(91);
        }
        say("%d: %d", i, wait_for(child));
    }
    return 0;
}

static int failing(void)
{
    char *argv[] = {self, NULL};
    for (int i = 0; i < 500; i++) {
        execvp("no-such-program", argv);
        execv("/no/such/program", argv);
    }
    say("%d %d", execv("/tmp", argv), errno);
    say("%d %d", execv("decoys/not-elf", argv), errno); /* executable, but the kernel does not know how */
    say("%d %d", execv("decoys/not-elf", argv), errno);
    say("%d %d", fexecve(-1, argv, environ), errno);
    say("%d %d", execveat(AT_FDCWD, "", argv, environ, 0), errno);
    allocate(20000, 777); /* several chunks more */
    say("%d %d", execv("decoys/not-elf", argv), errno);
    allocate(20000, 777);
    return 0;
}

static int vfork_failing(void)
{
    char *argv[] = {self, NULL};
    for (volatile int i = 0; i < 50; i++) {
        pid_t child = vfork();
        if (child == 0) {
            execv(i & 1 ? "decoys/not-elf" : "/no/such/program", argv);
            _exit(3);
        }
        if (wait_for(child) != 3 << 8) return 89;
        allocate(100, 824);
    }
    say("alive");
    return 0;
}

static int vfork_exec(void)
{
    char *argv[] = {self, (char *)"leaf", NULL};
    pid_t child = vfork();
    if (child == 0) {
        execv(self, argv);
        _exit(3);
    }
    say("%d", wait_for(child));
    allocate(20000, 777);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"leaf", leaf},         {"chain", chain},
        {"variants", variants}, {"vfork_failing", vfork_failing},
        {"failing", failing},   {"vfork_exec", vfork_exec},
    };
    self = argv[0];
    arguments = argc > 1 ? argv + 2 : argv + argc;
    return RUN_MODE(modes, argc, argv);
}
