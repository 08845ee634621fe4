"""One run of a load under a tool: time, CPU, peak RSS, what it wrote; and where its memory is."""

import contextlib
import dataclasses
import glob
import os
import signal
import socket
import subprocess
import sys
import time

TIME_LIMIT = 180  # seconds for one run
PAUSE = 0.003     # between two looks at a process's memory


@dataclasses.dataclass
class Run:
    wall: float      # seconds
    cpu: float       # seconds, of all processes that were waited for
    rss: int         # bytes, peak of the largest of them
    written: int     # bytes of the tool's files


@dataclasses.dataclass
class Memory:
    """Peaks over one run, in bytes, of the one process that was started."""
    anonymous: int = 0
    file: int = 0    # of files, without the trace
    trace: int = 0   # of the trace's resident pages


class Bench:
    """Where everything is: the build, the checkout, a scratch folder that is empty but for what runs just now."""

    def __init__(self, build, checkout, scratch):
        self.build, self.checkout, self.scratch = build, checkout, scratch
        self.died = set()        # (load, tool) that did not finish

    def environment(self, load, tool):
        return {**tool.environment, **load.environment}

    def command(self, load, tool, small):
        return [*tool.prefix, *(load.small if small else load.command)]


def sizes(pattern):
    """Bytes of the files that match. What a recorder left behind sparse counts as what it takes on the disk."""
    return sum(min(found.st_size, found.st_blocks * 512) for found in map(os.stat, glob.glob(pattern)))


def remove(pattern):
    for path in glob.glob(pattern) if pattern else []:
        os.unlink(path)


@contextlib.contextmanager
def started(command, **options):
    """COMMAND in a process group of its own, of which nothing is left at the end. It starts when the block does."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
                               **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def usage_command(bench, load, tool, small):
    variables = [f"{name}={value}" for name, value in bench.environment(load, tool).items()]
    return [f"{bench.build}/tests/programs/resource_usage", f"{bench.scratch}/usage", *variables,
            *bench.command(load, tool, small)]


def ask_redis(path, *words):
    """One command to the server at the socket PATH; its answer, or None."""
    request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        try:
            connection.connect(path)
            connection.sendall(request)
            return connection.recv(1000)
        except OSError:
            return None


def send_requests(bench, load, process):
    """redis-benchmark at work on the server PROCESS, once that answers; None when it does not."""
    path = f"{bench.scratch}/redis.socket"
    for _ in range(2000):
        if process.poll() is not None:
            return None
        if ask_redis(path, b"PING") == b"+PONG\r\n":
            return started(["redis-benchmark", "-s", path, "-n", str(load.requests), "-r", "50000", "-P", "16",
                            "-c", "10", "-d", "64", "-q", "-t", "set,lpush,hset"], stderr=subprocess.DEVNULL)
        time.sleep(0.01)
    return None


def drive_redis(bench, load, process):
    """Wait for the server, send it the load's requests, end it: seconds that the requests took, or None."""
    requests = send_requests(bench, load, process)
    if requests is None:
        return None
    begin = time.monotonic()
    with requests as client:
        status = client.wait(TIME_LIMIT)
    wall = time.monotonic() - begin
    ask_redis(f"{bench.scratch}/redis.socket", b"SHUTDOWN", b"NOSAVE")
    return wall if status == 0 else None


def run(bench, load, tool, small=False, keep=False):
    """LOAD under TOOL: a Run, or None where the tool (or the program under it) did not end as it does alone.
    KEEP: leave the tool's files. A server's wall time is that of its requests."""
    remove(tool.files)
    errors = f"{bench.scratch}/errors"
    with open(errors, "wb") as stderr, \
            started(usage_command(bench, load, tool, small), cwd=bench.checkout, stderr=stderr) as process:
        try:
            wall = drive_redis(bench, load, process) if load.requests else None
            status = process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            status = None
    with open(errors, encoding="utf-8", errors="replace") as said:
        # heaptrack's interpreter dies alone; the script's status is that of the program.
        broken = "terminate called" in said.read()
    written = sizes(tool.files) if tool.files else 0
    if not keep:
        remove(tool.files)
    if broken or status not in (0, 1) or (load.requests and wall is None):  # 1: the scanner found something
        return None
    with open(f"{bench.scratch}/usage", encoding="utf-8") as line:
        total, cpu, rss = line.read().split()
    return Run(wall if load.requests else float(total), float(cpu), int(rss), written)


def run_or_say(bench, load, tool, small=False, keep=False):
    """As run, once a load has failed under a tool not again; a plain run that fails ends everything."""
    if (load.name, tool.name) in bench.died:
        return None
    done = run(bench, load, tool, small, keep)
    if done is None:
        with open(f"{bench.scratch}/errors", encoding="utf-8", errors="replace") as said:
            last = (said.read().strip().splitlines() or ["no word"])[-1][:200]
        if tool.name == "plain":
            sys.exit(f"{load.name}: fails by itself: {last}")
        sys.stderr.write(f"{load.name}: {tool.name} did not finish: {last}\n")
        bench.died.add((load.name, tool.name))
    return done


def resident(pid, trace_folder):
    """(anonymous, of files without traces, of traces) in bytes, now; None when the process is gone."""
    anonymous = file = trace = 0
    is_trace = False
    try:
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, rest = line.partition(":")
                if name == "Rss":
                    rss = int(rest.split()[0]) * 1024
                    trace += rss if is_trace else 0
                    file += 0 if is_trace else rss
                elif name == "Anonymous":
                    private = int(rest.split()[0]) * 1024
                    anonymous += private
                    if not is_trace:
                        file -= private
                elif "-" in name.split(" ", 1)[0]:
                    is_trace = trace_folder in line
    except OSError:
        return None
    return anonymous, file, trace


def watch(pid, running, trace_folder):
    peaks = Memory()
    while running():
        now = resident(pid, trace_folder)
        if now is not None:
            peaks.anonymous, peaks.file = max(peaks.anonymous, now[0]), max(peaks.file, now[1])
            peaks.trace = max(peaks.trace, now[2])
        time.sleep(PAUSE)
    return peaks


def memory(bench, load, tool):
    """Peaks of LOAD's own process under TOOL, which must be a matter of the environment alone. Looked at every 3 ms:
    a peak that lasts for less may be missed."""
    remove(tool.files)
    environment = {**os.environ, **bench.environment(load, tool)}
    command = bench.command(load, tool, False)
    traces = f"{bench.scratch}/ours."
    with started(command, cwd=bench.checkout, env=environment, stderr=subprocess.DEVNULL) as process:
        if not load.requests:
            peaks = watch(process.pid, lambda: process.poll() is None, traces)
        else:
            requests = send_requests(bench, load, process)
            if requests is None:
                sys.exit(f"{load.name}: does not answer under {tool.name}")
            with requests as client:
                peaks = watch(process.pid, lambda: client.poll() is None, traces)
            ask_redis(f"{bench.scratch}/redis.socket", b"SHUTDOWN", b"NOSAVE")
            process.wait(TIME_LIMIT)
    remove(tool.files)
    return peaks
