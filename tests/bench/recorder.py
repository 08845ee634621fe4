#!/usr/bin/env python3
"""recorder.py [--rounds N] [--quick] [--only LOAD]: what recording costs, in paired, interleaved runs.

Each load runs plain, under libmemtrace.so and under heaptrack (where it is installed), in turn, N rounds (default
5); a round's ratios are to the plain run of the same round. The CSV has one row a load and tool: median and
smallest and largest of wall and CPU ratio, median peak RSS ratio, trace bytes. heaptrack's figures are of the
traced program and its interpreter together, as its user waits for both; its CPU counts both, too. A load on which
heaptrack dies (1.4.0's interpreter does, of std::bad_alloc, on the one with 1,000 stacks) has no row of it.
Written to BUILD/bench, with a chart. BUILD: the build directory, default build.
"""

import argparse
import csv
import glob
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

PYTHON_LOAD = "import json; d=[{'a':i,'b':[str(i)]*5} for i in range(%d)]; assert json.loads(json.dumps(d))==d"
PERL_LOAD = "my %%h; for my $i (1..%d) { $h{\"k$i\"} = [split //, \"value $i\"]; } print scalar(keys %%h)"
SQL_LOAD = (
    "create table t(a integer primary key, b text); "
    "with recursive n(i) as (select 1 union all select i+1 from n where i<%d) "
    "insert into t select i, hex(randomblob(16)) from n; "
    "select count(*), max(length(b)) from t where b like '%%A%%'; select substr(b,1,2), count(*) from t group by 1;"
)


def loads(build, quick):
    """Name -> (command, environment)."""
    scale = 10 if quick else 1
    programs = os.path.join(build, "tests/programs")
    return {
        "pair": ([f"{programs}/pair", str(5000000 // scale), "20"], {}),
        "pair, 2 threads": ([f"{programs}/pair", str(2500000 // scale), "20", "2"], {}),
        "1,000 stacks": ([f"{programs}/ten_million", str(2000000 // scale)], {}),
        "sqlite3": (["sqlite3", ":memory:", SQL_LOAD % (300000 // scale)], {}),
        "perl": (["perl", "-e", PERL_LOAD % (60000 // scale)], {}),
        "jq": (["jq", "-n", f"[range({200000 // scale})|{{a:., b:tostring}}]|length"], {}),
        "python3": (["/usr/bin/python3", "-c", PYTHON_LOAD % (60000 // scale)], {"PYTHONMALLOC": "malloc"}),
        "scanner": ([f"{build}/scanner", "scan"] + ["target/samples/prompts.jsonl"] * (40 // scale), {}),
        "/bin/true": (["/bin/true"], {}),
    }


def run(command, environment, directory, build, scratch):
    """(wall seconds, CPU seconds, peak RSS bytes) of COMMAND and what it waited for."""
    figures = f"{scratch}/usage"
    wrapped = [f"{build}/tests/programs/resource_usage", figures, "env",
               *(f"{name}={value}" for name, value in environment.items()), *command]
    status = subprocess.call(wrapped, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, cwd=directory)
    if status not in (0, 1):  # 1: the scanner found something, as it should
        if command[0] == "heaptrack":
            return None
        sys.exit(f"{' '.join(command)[:200]}: status {status}")
    with open(figures, encoding="utf-8") as line:
        wall, cpu, rss = line.read().split()
    return float(wall), float(cpu), int(rss)


def traced_bytes(pattern):
    total = 0
    for path in glob.glob(pattern):
        total += os.stat(path).st_blocks * 512
        os.unlink(path)
    return total


def measure(command, environment, build, scratch, with_heaptrack):
    """One round: tool -> (wall, CPU, RSS, trace bytes)."""
    checkout = os.path.dirname(os.path.abspath(build))
    figures = {"plain": (*run(command, environment, checkout, build, scratch), 0)}
    recorded = {"LD_PRELOAD": f"{build}/libmemtrace.so", "MEMTRACE_OUTPUT": f"{scratch}/ours.%p.mtr", **environment}
    figures["memtrace"] = (*run(command, recorded, checkout, build, scratch), traced_bytes(f"{scratch}/ours.*"))
    if with_heaptrack:
        theirs = run(["heaptrack", "-o", f"{scratch}/theirs", *command], environment, checkout, build, scratch)
        size = traced_bytes(f"{scratch}/theirs*")
        if theirs is not None:
            figures["heaptrack"] = (*theirs, size)
    return figures


def summarize(name, rounds):
    for tool in ("plain", "memtrace", "heaptrack"):
        if not all(tool in one for one in rounds):
            if any(tool in one for one in rounds):
                sys.stderr.write(f"{name}: {tool} did not finish every round\n")
            continue
        walls = [one[tool][0] / one["plain"][0] for one in rounds]
        cpus = [one[tool][1] / max(one["plain"][1], 0.001) for one in rounds]
        yield {
            "load": name, "tool": tool, "rounds": len(rounds),
            "wall_seconds": f"{statistics.median(one[tool][0] for one in rounds):.4f}",
            "wall_ratio": f"{statistics.median(walls):.2f}",
            "wall_ratio_min": f"{min(walls):.2f}", "wall_ratio_max": f"{max(walls):.2f}",
            "cpu_ratio": f"{statistics.median(cpus):.2f}",
            "peak_rss_bytes": int(statistics.median(one[tool][2] for one in rounds)),
            "trace_bytes": int(statistics.median(one[tool][3] for one in rounds)),
        }


def write_chart_csv(path, rows):
    """One row a load, for plots/recorder_cost.gp."""
    ratios = {}
    for one in rows:
        ratios.setdefault(one["load"], {})[one["tool"]] = one["wall_ratio"]
    with open(path, "w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow(["load", "memtrace_wall_ratio", "heaptrack_wall_ratio"])
        for load, tools in ratios.items():
            writer.writerow([load.replace(",", ""), tools["memtrace"], tools.get("heaptrack", "none")])


def write_results(folder, rows):
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/recorder.csv", "w", encoding="utf-8", newline="") as table:
        for output in sys.stdout, table:
            writer = csv.DictWriter(output, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    write_chart_csv(f"{folder}/recorder_cost.csv", rows)
    script = os.path.join(os.path.dirname(__file__), "../../plots/recorder_cost.gp")
    subprocess.check_call(["gnuplot", "-c", script, f"{folder}/recorder_cost.csv", f"{folder}/recorder_cost.png"])
    sys.stderr.write(f"written: {folder}/recorder.csv, recorder_cost.csv, recorder_cost.png\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the load, 3 rounds")
    parser.add_argument("--only", help="one load by name")
    options = parser.parse_args()
    build = os.path.abspath(os.environ.get("BUILD", "build"))
    with_heaptrack = shutil.which("heaptrack") is not None
    if not with_heaptrack:
        sys.stderr.write("heaptrack is not installed (make deps-bench): its rows are left out\n")
    rows = []
    with tempfile.TemporaryDirectory(prefix="memtrace-bench-") as scratch:
        for name, (command, environment) in loads(build, options.quick).items():
            if options.only not in (None, name):
                continue
            if not shutil.which(command[0]):
                sys.exit(f"{command[0]} is not installed; make deps installs it")
            count = 3 if options.quick else options.rounds
            rounds = [measure(command, environment, build, scratch, with_heaptrack) for _ in range(count)]
            rows.extend(summarize(name, rounds))
    write_results(os.path.join(build, "bench"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
