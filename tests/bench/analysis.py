#!/usr/bin/env python3
"""analysis.py [--pairs N]: time and memory of reading a trace, beside heaptrack's on the same programs.

Records tests/programs/ten_million (N malloc/free pairs from 1,000 stacks, default 5,000,000: 10 million events) and
tests/programs/pair (as many, all from one stack), and measures `memtrace report`; with heaptrack installed the same
for heaptrack_print. heaptrack 1.4.0's interpreter dies of std::bad_alloc on the first of them: a recording that is cut
short is said to be one, and not read. Peak RSS of memtrace includes the pages of the trace mapped at that moment.
BUILD: the build directory, default build.
"""

import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile


def measure(command, directory, build, may_fail=False):
    """Run COMMAND: (wall seconds, peak RSS bytes). Its failure is ours, unless it MAY_FAIL."""
    usage = os.path.join(directory, "usage")
    with open(os.path.join(directory, "output"), "wb") as output:
        status = subprocess.call([f"{build}/tests/programs/resource_usage", usage, *command], cwd=directory,
                                 stdout=output, stderr=subprocess.STDOUT)
    if status != 0 and not may_fail:
        with open(os.path.join(directory, "output"), encoding="utf-8", errors="replace") as output:
            sys.stderr.write(output.read()[-2000:])
        sys.exit(f"{' '.join(command)}: status {status}")
    with open(usage, encoding="utf-8") as line:
        wall, _, rss = line.read().split()
    return float(wall), int(rss)


def row(program, name, figures, size):
    seconds, resident = figures
    print(f"{program},{name},{seconds:.2f},{resident},{size}", flush=True)


def measure_heaptrack(command, program, directory, build):
    figures = measure(["heaptrack", "-o", os.path.join(directory, "bench"), *command], directory, build, may_fail=True)
    theirs = (glob.glob(os.path.join(directory, "bench*.zst")) + glob.glob(os.path.join(directory, "bench*.gz")))[0]
    with open(os.path.join(directory, "output"), encoding="utf-8", errors="replace") as output:
        died = "terminate called" in output.read()
    if died:
        print(f"{program},heaptrack: its interpreter died,,,", flush=True)
    else:
        row(program, "recorded by heaptrack", figures, os.path.getsize(theirs))
        row(program, "heaptrack_print", measure(["heaptrack_print", theirs], directory, build), os.path.getsize(theirs))
    os.unlink(theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=5000000)
    parser.add_argument("--no-heaptrack", action="store_true")
    options = parser.parse_args()
    build = os.path.abspath(os.environ.get("BUILD", "build"))
    memtrace = os.path.join(build, "memtrace")
    print("program,what,seconds,peak_rss_bytes,trace_bytes")
    with tempfile.TemporaryDirectory(prefix="memtrace-bench-") as directory:
        trace = os.path.join(directory, "bench.mtr")
        for program in ("ten_million", "pair"):
            command = [os.path.join(build, "tests/programs", program), str(options.pairs)]
            recorded = ["env", f"LD_PRELOAD={build}/libmemtrace.so", f"MEMTRACE_OUTPUT={trace}", *command]
            row(program, "alone", measure(command, directory, build), 0)
            figures = measure(recorded, directory, build)
            size = os.stat(trace).st_blocks * 512
            row(program, "recorded by memtrace", figures, size)
            row(program, "memtrace report", measure([memtrace, "report", trace], directory, build), size)
            os.unlink(trace)
            if not options.no_heaptrack and shutil.which("heaptrack"):
                measure_heaptrack(command, program, directory, build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
