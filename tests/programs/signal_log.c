/* Logs every signal that it gets, one number a line on stdout, beginning with "ready PID". It ends with
 * status 0 at SIGRTMIN, or after 20 s with status 1. `signal_log group` sends SIGUSR1 to its process group
 * first. A stop is by default; SIGCONT is logged as any. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const int signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,   SIGUSR1, SIGUSR2, SIGWINCH,
                                  SIGCONT, SIGALRM, SIGPWR,  SIGVTALRM, SIGPROF, SIGABRT, SIGIO};
    sigset_t all;
    sigemptyset(&all);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaddset(&all, signals[i]);
    sigaddset(&all, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &all, NULL);
    dprintf(1, "ready %d\n", (int)getpid());
    if (argc > 1 && strcmp(argv[1], "group") == 0) kill(0, SIGUSR1);
    for (;;) {
        const struct timespec limit = {.tv_sec = 20};
        siginfo_t info;
        int signal = sigtimedwait(&all, &info, &limit);
        if (signal < 0 && errno == EINTR) continue; /* it was stopped */
        if (signal < 0) return 1;
        if (signal == SIGRTMIN) return 0;
        dprintf(1, "%d%s", signal, info.si_code == SI_QUEUE ? "" : "\n");
        if (info.si_code == SI_QUEUE) dprintf(1, " value=%d\n", info.si_value.sival_int);
    }
}
