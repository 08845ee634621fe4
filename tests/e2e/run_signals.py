"""What a terminal and other processes send to `memtrace run`, and what of it the program gets.

    run_signals.py MEMTRACE SIGNAL_LOG      prints TAP

Each case starts the program that logs its signals; the expected log follows from what the same events do
to the program without us.
"""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time

memtrace, signal_log = sys.argv[1:3]
RUN = [memtrace, "run", "-q", "-o", "/tmp/memtrace-signals.%p.mtr", "--"]
END = signal.SIGRTMIN
count = failed = 0


def claim(good, text, detail=""):
    global count, failed
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - {text}", flush=True)
    if not good:
        failed += 1
        print(f"# failed: {text}: {detail}", file=sys.stderr, flush=True)


def state(pid):
    """The state letter of a process, '' when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


class Log:
    """A signal_log under run, its output read from a pipe."""

    def __init__(self, *arguments, new_session=True, prefix=()):
        self.process = subprocess.Popen(
            [*prefix, *RUN, signal_log, *arguments], stdout=subprocess.PIPE, start_new_session=new_session
        )
        self.runner = self.process.pid
        self.pid = int(self.process.stdout.readline().split()[1])

    def end(self):
        """The signals it got, and the status."""
        os.kill(self.pid, END)
        output = self.process.stdout.read().decode().split("\n")[:-1]
        status = self.process.wait(10)
        for name in os.listdir("/tmp"):
            if name == f"memtrace-signals.{self.pid}.mtr":
                os.unlink(f"/tmp/{name}")
        return output, status


def settled(pid):
    """Give what was sent time to arrive twice, if it does."""
    time.sleep(0.15)


def case_each_signal():
    sent = "HUP INT QUIT TERM USR1 USR2 WINCH ALRM PWR VTALRM PROF ABRT IO CONT".split()
    log = Log()
    for name in sent:
        os.kill(log.runner, getattr(signal, "SIG" + name))
        settled(log.pid)
    got, status = log.end()
    want = [str(int(getattr(signal, "SIG" + name))) for name in sent]
    claim(got == want and status == 0, "each signal sent to us reaches the program once", f"{got} {want} {status}")


def case_value():
    log = Log()
    subprocess.run(["kill", "--queue", "77", "-USR1", str(log.runner)], check=True)
    settled(log.pid)
    got, _ = log.end()
    claim(got == [f"{int(signal.SIGUSR1)} value=77"], "a queued signal keeps its value", str(got))


def case_group():
    log = Log("group")
    settled(log.pid)
    got, _ = log.end()
    claim(got == [str(int(signal.SIGUSR1))], "the program's own signal to its group reaches it once", str(got))


def case_alarm():
    code = "import os, signal, sys; signal.setitimer(signal.ITIMER_REAL, 0.3); os.execvp(sys.argv[1], sys.argv[1:])"
    log = Log(prefix=(sys.executable, "-c", code))
    time.sleep(0.6)
    got, _ = log.end()
    claim(got == [str(int(signal.SIGALRM))], "an alarm set before the exec is the program's", str(got))


def case_default_action():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        process = subprocess.Popen([*RUN, "sh", "-c", "echo ready; exec sleep 20"], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(number)
        status = process.wait(10)
        claim(status == 128 + number, f"{number.name} ends it with 128 + {int(number)}", str(status))


def case_timeout():
    status = subprocess.run(["timeout", "0.5", *RUN, "sleep", "20"]).returncode
    claim(status == 124, "timeout ends the program through us", str(status))
    status = subprocess.run(["timeout", "--foreground", "0.5", *RUN, "sleep", "20"]).returncode
    claim(status == 124, "timeout --foreground, too", str(status))


def case_stop():
    """Stopped by others: we stop likewise, our parent is told, and it all goes on."""
    for number in (signal.SIGSTOP, signal.SIGTSTP):
        log = Log(new_session=False)
        os.kill(log.pid, number)
        _, status = os.waitpid(log.runner, os.WUNTRACED)
        claim(
            os.WIFSTOPPED(status) and os.WSTOPSIG(status) == number,
            f"the program stopped by {number.name}: we stop by it",
            str(status),
        )
        os.kill(log.runner, signal.SIGCONT)
        claim(wait_for(lambda: state(log.pid) not in ("T", "")), "SIGCONT to us alone continues the program")
        settled(log.pid)
        got, status = log.end()
        claim(got == [str(int(signal.SIGCONT))] and status == 0, "and it sees one SIGCONT", f"{got} {status}")


def case_continued_alone():
    """Somebody continues the program and not us: we must not stay stopped, or our parent waits for ever."""
    log = Log(new_session=False)
    os.kill(log.pid, signal.SIGSTOP)
    os.waitpid(log.runner, os.WUNTRACED)
    os.kill(log.pid, signal.SIGCONT)
    claim(wait_for(lambda: state(log.runner) not in ("T", "")), "the program continued alone: we go on as well")
    got, status = log.end()
    claim(got == [str(int(signal.SIGCONT))] and status == 0, "and it saw one SIGCONT", f"{got} {status}")
    log = Log(new_session=False)
    os.kill(log.pid, signal.SIGSTOP)
    os.waitpid(log.runner, os.WUNTRACED)
    os.kill(log.pid, signal.SIGKILL)
    claim(log.process.wait(10) == 128 + 9, "the program killed while we are stopped: its status arrives")
    try:
        os.unlink(f"/tmp/memtrace-signals.{log.pid}.mtr")
    except OSError:
        pass


# --- With a terminal and a shell that has job control ----------------------------------------------------


class Terminal:
    """A session of its own on a pseudo terminal, whose leader runs COMMAND in a foreground group."""

    def __init__(self, command):
        self.leader, self.master = pty.fork()
        if self.leader == 0:
            os.execvp(command[0], command)
        self.output = b""

    def read(self, until, seconds=10):
        end = time.monotonic() + seconds
        os.set_blocking(self.master, False)
        while until not in self.output and time.monotonic() < end:
            try:
                self.output += os.read(self.master, 4096)
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                break
        return until in self.output

    def type(self, data):
        os.write(self.master, data)

    def numbers(self):
        """The signals logged so far; the terminal's echo of a key may stand before one."""
        return re.findall(r"(?m)^(?:\^.)?(\d+)\r?$", self.output.decode())

    def end(self):
        """The leader's exit status; None: it had to be killed."""
        if not wait_for(lambda: state(self.leader) in ("Z", "")):
            os.killpg(self.leader, signal.SIGKILL)
            return None
        return os.waitstatus_to_exitcode(os.waitpid(self.leader, 0)[1])


def case_terminal_keys():
    terminal = Terminal([*RUN, signal_log])
    terminal.read(b"ready")
    terminal.read(b"\n")
    pid = int(terminal.output.split()[1])
    for key, number in ((b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)):
        terminal.type(key)
        time.sleep(0.2)
    termios.tcsetwinsize(terminal.master, (33, 77))
    time.sleep(0.2)
    os.kill(pid, END)
    terminal.read(b"never", 1)
    got = terminal.numbers()
    want = [str(int(number)) for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH)]
    claim(got == want, "^C, ^\\ and a new size of the terminal reach the program once", f"{got} {want}")
    status = terminal.end()
    claim(status == 0, "and it outlives them with its own status", str(status))
    os.close(terminal.master)


def case_hang_up():
    terminal = Terminal([*RUN, "sh", "-c", "trap 'echo hung up >hung; exit 3' HUP; echo ready; while :; do sleep 0.1; done"])
    terminal.read(b"ready")
    time.sleep(0.1)
    os.close(terminal.master)
    status = terminal.end()
    claim(os.path.exists("hung"), "a terminal that hangs up tells the program")
    claim(status == 3, "and its status is returned", str(status))


def case_job_control():
    """An interactive shell: ^Z gives the prompt back, fg continues the program."""
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"])
    terminal.type(b"PS1='prompt> '; stty -echo\n")
    terminal.read(b"prompt> ")
    terminal.type(" ".join([*RUN, signal_log]).encode() + b"\n")
    good = terminal.read(b"ready ")
    time.sleep(0.2)
    pid = int(terminal.output.split(b"ready ")[1].split()[0])
    terminal.type(b"\x1a")
    stopped = terminal.read(b"Stopped")
    claim(good and stopped and state(pid) == "T", "^Z stops the job, and the shell says so", repr(terminal.output))
    terminal.output = b""
    terminal.type(b"fg\n")
    claim(wait_for(lambda: state(pid) not in ("T", "")), "fg continues it")
    time.sleep(0.2)
    terminal.type(b"\x03")
    time.sleep(0.2)
    os.kill(pid, END)
    terminal.read(b"prompt> ")
    got = terminal.numbers()
    want = [str(int(signal.SIGCONT)), str(int(signal.SIGINT))]
    claim(got == want, "it sees one SIGCONT, and then ^C once", f"{got} {want}")
    terminal.type(b"echo status $?\n")
    claim(terminal.read(b"status 0"), "and the shell gets its status", repr(terminal.output))
    terminal.type(b"exit\n")
    terminal.end()
    os.close(terminal.master)


for case in (
    case_each_signal,
    case_value,
    case_group,
    case_alarm,
    case_default_action,
    case_timeout,
    case_stop,
    case_continued_alone,
    case_terminal_keys,
    case_hang_up,
    case_job_control,
):
    case()
print(f"1..{count}")
sys.exit(1 if failed else 0)
