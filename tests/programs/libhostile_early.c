/* Preloaded behind the recorder its constructor runs first: it calls every hook before the recorder has
 * begun. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect(pid_t child, int code)
{
    int status = 0;
    if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != code) abort();
}

__attribute__((constructor)) static void early(void)
{
    char name[16], *argv[] = {name, NULL};
    if (prctl(PR_GET_NAME, name) != 0) abort();
    if (syscall(SYS_getpid) != getpid()) abort();
    if (execv("/no/such/program", argv) != -1 || errno != ENOENT) abort();
    if (execvp("no-such-program", argv) != -1 || errno != ENOENT) abort();
    void *library = dlopen("libm.so.6", RTLD_LAZY);
    if (library == NULL || dlclose(library) != 0) abort();
    pid_t child = fork();
    if (child == 0) _exit(5);
    expect(child, 5);
    child = fork();
    if (child == 0) exit(6);
    expect(child, 6);
    child = vfork();
    if (child == 0) _exit(7);
    expect(child, 7);
    free(malloc(891));
}
