#!/usr/bin/env python3
"""analysis.py [--pairs N]: time and memory of reading a trace, beside heaptrack's on the same program.

Records tests/programs/ten_million (N malloc/free pairs from 1,000 stacks, default 5,000,000: 10 million events) and
measures `memtrace report`; with heaptrack installed the same for heaptrack_print. Memory is given twice: the peak of
the resident set, which for memtrace includes the pages of the mapped trace, and the peak of its anonymous part,
sampled every 5 ms. BUILD: the build directory, default build.
"""

import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time


def anonymous_bytes(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def measure(command, directory):
    """Run COMMAND: (seconds, peak RSS bytes, peak anonymous bytes). Its failure is ours."""
    with open(os.path.join(directory, "output"), "wb") as output:
        started = time.monotonic()
        with subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=directory) as process:
            anonymous = 0
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                anonymous = max(anonymous, anonymous_bytes(process.pid))
                time.sleep(0.005)
            seconds = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        with open(os.path.join(directory, "output"), encoding="utf-8", errors="replace") as output:
            sys.stderr.write(output.read()[-2000:])
        sys.exit(f"{' '.join(command)}: status {process.returncode}")
    return seconds, usage.ru_maxrss * 1024, anonymous


def row(name, figures, size):
    seconds, resident, anonymous = figures
    print(f"{name},{seconds:.2f},{resident},{anonymous},{size}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=5000000)
    parser.add_argument("--no-heaptrack", action="store_true")
    options = parser.parse_args()
    build = os.path.abspath(os.environ.get("BUILD", "build"))
    program = [os.path.join(build, "tests/programs/ten_million"), str(options.pairs)]
    memtrace = os.path.join(build, "memtrace")
    print("command,seconds,peak_rss_bytes,peak_anonymous_bytes,trace_bytes")
    with tempfile.TemporaryDirectory(prefix="memtrace-bench-") as directory:
        trace = os.path.join(directory, "bench.mtr")
        recorded = ["env", f"LD_PRELOAD={build}/libmemtrace.so", f"MEMTRACE_OUTPUT={trace}", *program]
        row("program alone", measure(program, directory), 0)
        figures = measure(recorded, directory)
        row("program under libmemtrace.so", figures, os.stat(trace).st_blocks * 512)
        row("memtrace report", measure([memtrace, "report", trace], directory), os.stat(trace).st_blocks * 512)
        os.unlink(trace)
        if options.no_heaptrack or not shutil.which("heaptrack"):
            return 0
        figures = measure(["heaptrack", "-o", os.path.join(directory, "bench"), *program], directory)
        theirs = glob.glob(os.path.join(directory, "bench*.zst")) + glob.glob(os.path.join(directory, "bench*.gz"))
        row("program under heaptrack", figures, os.path.getsize(theirs[0]))
        row("heaptrack_print", measure(["heaptrack_print", theirs[0]], directory), os.path.getsize(theirs[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
