#include "watch/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "util/process_stat.h"
#include "watch/clock.h"

/* What comes to us from a process is meant for the program. Left alone: what only our own faults raise. */
static void signals_to_pass_on(sigset_t *set)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(set, faults[i]);
}

/* The child's side of the fork: only async-signal-safe calls until exec. */
static _Noreturn void become_program(const struct child *child, char **argv, char **environment, int report)
{
    sigaction(SIGCHLD, &child->program_sigchld, NULL);
    sigaction(SIGPIPE, &child->program_sigpipe, NULL);
    sigprocmask(SIG_SETMASK, &child->program_mask, NULL);
    execvpe(argv[0], argv, environment);
    int reason = errno;
    ssize_t written = write(report, &reason, sizeof reason);
    _exit(written == (ssize_t)sizeof reason ? 127 : 126);
}

/* Blocked rather than handled: a disposition would have to be put back in the child for each (nohup's ignored
 * SIGHUP must stay ignored), a mask only once. SIGCHLD ignored, as some parents leave it, would make the
 * kernel reap the program before we learn how it ended; SIGPIPE would end us before its status is passed on.
 */
static void take_signals(struct child *child)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    signals_to_pass_on(&child->passed);
    sigprocmask(SIG_BLOCK, &child->passed, &child->program_mask);
    sigaction(SIGCHLD, &plain, &child->program_sigchld);
    sigaction(SIGPIPE, &ignore, &child->program_sigpipe);
}

int child_start(struct child *child, char **argv, char **environment)
{
    int report[2], reason = 0;
    *child = (struct child){.pid = -1};
    if (pipe2(report, O_CLOEXEC) != 0) return -errno;
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    child->rss_before_exec_bytes = (uint64_t)own.ru_maxrss * 1024;
    take_signals(child);
    child->pid = fork();
    if (child->pid == 0) become_program(child, argv, environment, report[1]);
    if (child->pid < 0) reason = -errno;
    close(report[1]);
    /* End of file: the exec closed it. */
    if (child->pid > 0 && read(report[0], &reason, sizeof reason) == (ssize_t)sizeof reason)
        waitpid(child->pid, NULL, 0);
    close(report[0]);
    return reason;
}

/* --- Stopping with the program ---------------------------------------------------------------- */

/* While we are stopped nobody would see that the program goes on or ends: a SIGCONT to it alone, from one of
 * its own children, say, would leave our parent waiting for ever. So a process of ours stays awake meanwhile
 * and continues us when the program is not stopped any more. It says so until we end it: its SIGCONT may come
 * before we have stopped. A group of its own: what stops ours must not stop it. */
static pid_t guard_start(pid_t program)
{
    pid_t runner = getpid(), guard = fork();
    if (guard != 0) return guard;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    close_range(0, ~0u, 0); /* nobody's pipe may be held open */
    while (getppid() == runner) {
        const struct timespec pause = {.tv_nsec = 20000000};
        struct process_stat stat;
        nanosleep(&pause, NULL);
        if (process_stat(program, &stat) != 0 || stat.state != 'T') kill(runner, SIGCONT);
    }
    _exit(0);
}

/* The program was stopped by SIGNAL: stop likewise, so that a shell with job control sees the job stopped and
 * takes its terminal back. Not at once when ^Z arrives: a program that handles SIGTSTP puts the terminal
 * in order first, and one that ignores it goes on. */
static void stop_likewise(struct child *child, int signal)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    struct sigaction kept;
    struct process_stat stat;
    if (process_stat(child->pid, &stat) != 0 || stat.state != 'T') return;
    pid_t guard = guard_start(child->pid);
    if (guard < 0) return;
    bool catchable = sigaction(signal, &plain, &kept) == 0;
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    raise(signal);
    if (catchable) {
        sigprocmask(SIG_UNBLOCK, &one, NULL); /* here we stop, unless our group is orphaned */
        sigprocmask(SIG_BLOCK, &one, NULL);
        sigaction(signal, &kept, NULL);
    }
    kill(guard, SIGKILL);
    waitpid(guard, NULL, 0);
    child->resumed = true;
}

/* --- Passing signals on ------------------------------------------------------------------------ */

static bool is_of_program(const struct child *child, pid_t sender)
{
    struct process_stat stat;
    for (int generation = 0; generation < 64 && sender > 1; generation++) {
        if (sender == child->pid) return true;
        if (process_stat(sender, &stat) != 0) return false;
        sender = stat.parent;
    }
    return false;
}

/* Whether a signal that reached us has to be passed on.
 * - From the kernel: what the terminal sends (^C, ^\, ^Z, a new size) goes to the whole process group, and
 * the program is in ours unless it chose not to be: either way it has what it would have had without us. But
 *   that the terminal hung up is told to the session's leader alone, which without us would be the program
 *   (ssh -t, xterm -e). A timer that was armed before our exec (perl -e 'alarm 5; exec ...') is the
 * program's.
 * - From the program's own processes: they cannot mean us. `kill 0` reaches the whole group. */
static bool has_to_be_passed_on(const struct child *child, const siginfo_t *info)
{
    int signal = info->si_signo;
    if (info->si_code <= 0) return !is_of_program(child, info->si_pid);
    if (signal == SIGHUP || signal == SIGCONT) return getsid(0) == getpid();
    return signal == SIGALRM || signal == SIGVTALRM || signal == SIGPROF;
}

static void pass_on(struct child *child, const siginfo_t *info)
{
    if (!has_to_be_passed_on(child, info)) return;
    if (info->si_signo == SIGCONT && child->resumed) {
        /* That woke us. Sent to the group, it has woken the program, too; sent to us alone, it has not. */
        struct process_stat stat;
        child->resumed = false;
        if (process_stat(child->pid, &stat) == 0 && stat.state != 'T') return;
    }
    if (info->si_code == SI_QUEUE)
        sigqueue(child->pid, info->si_signo, info->si_value);
    else
        kill(child->pid, info->si_signo); /* a zombie at worst: the pid is ours until child_reap */
}

/* --- Waiting ----------------------------------------------------------------------------------- */

static void look(struct child *child)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)child->pid, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid != 0)
        stop_likewise(child, info.si_status);
    info.si_pid = 0;
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    struct process_stat stat;
    child->ended = true;
    child->signalled = info.si_code != CLD_EXITED;
    child->code = info.si_status;
    if (process_stat(child->pid, &stat) == 0) child->waited_children_faults = stat.waited_children_faults;
}

bool child_wait(struct child *child, uint64_t deadline_ns)
{
    for (;;) {
        look(child);
        if (child->ended) return true;
        uint64_t now = monotonic_now();
        if (now >= deadline_ns) return false;
        uint64_t left = deadline_ns - now, hour = 3600000000000u;
        if (left > hour) left = hour;
        const struct timespec wait = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
        siginfo_t info;
        int signal = sigtimedwait(&child->passed, &info, &wait);
        if (signal > 0 && signal != SIGCHLD) pass_on(child, &info);
    }
}

void child_reap(struct child *child)
{
    int status;
    wait4(child->pid, &status, 0, &child->usage);
}
