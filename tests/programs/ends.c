/* Ends as it is told, after one allocation: ends exit|_exit|quick_exit|raw|signal N, ends abort. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    int code = argc > 2 ? atoi(argv[2]) : 0;
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    free(malloc(100));
    if (strcmp(how, "exit") == 0) exit(code);
    if (strcmp(how, "_exit") == 0) _exit(code);
    if (strcmp(how, "quick_exit") == 0) quick_exit(code);
    if (strcmp(how, "raw") == 0) syscall(SYS_exit_group, code);
    if (strcmp(how, "abort") == 0) abort();
    if (strcmp(how, "signal") == 0) {
        sigset_t all;
        sigfillset(&all);
        signal(code, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &all, NULL);
        kill(getpid(), code);
        pause();
    }
    dprintf(2, "ends exit|_exit|quick_exit|raw|signal N, ends abort\n");
    return 2;
}
