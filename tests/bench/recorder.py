#!/usr/bin/env python3
"""recorder.py [--rounds N] [--quick] [--only "LOAD;LOAD"]: what recording costs, in paired, interleaved runs.

Each load runs plain, under libmemtrace.so (exact; sampled), under `memtrace run` and under other profilers, in turn,
N rounds (default 5), each round beginning with another tool; a round's ratios are to its baseline's run of the same
round. docs/benchmarks.md says what the loads and the columns are. Written to BUILD/bench: recorder.csv (one row a load
and tool), recorder_start.csv, recorder_order.csv, recorder_machine.txt, and charts. At the end: what the recorder is to
keep, and whether it did. A load on which a tool dies has no row of it. BUILD: the build directory, default build.
"""

import argparse
import datetime
import glob
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import bars, loads, markdown, measure, rows, tools  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PLOTS = os.path.join(HERE, "../../plots")
START_COLUMNS = ("tool", "runs", "median_ms", "min_ms", "max_ms", "above_plain_ms")
ORDER_COLUMNS = ("variant", "events", "anomalies")
MEMORY_RUNS = 2


def say(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def interleave(bench, load, every, options, results):
    """All rounds of LOAD. The order is another one in each, so that no tool always follows the same."""
    timed = [tool for tool in every if tool.pace != "small" and (tool.servers or not load.requests)]
    measure.run_or_say(bench, load, timed[0])  # not counted: files come into memory
    for number in range(options.rounds):
        turn = [tool for tool in timed if tool.pace == "every" or number < options.other_rounds]
        first = number % len(turn)
        for tool in turn[first:] + turn[:first]:
            done = measure.run_or_say(bench, load, tool)
            if done is not None:
                results.setdefault((load.name, tool.name, False), {})[number] = done


def small_round(bench, load, every, results):
    """One round of the small load: of the tools that are too slow for the whole, and of their baselines."""
    slow = [tool for tool in every if tool.pace == "small"]
    baselines = {tool.baseline for tool in slow}
    for tool in [tool for tool in every if tool.name in baselines] + slow:
        done = measure.run_or_say(bench, load, tool, small=True)
        if done is not None:
            results.setdefault((load.name, tool.name, True), {})[0] = done


def measure_memory(bench, load, every):
    """{tool: memory that it adds to the program's process}, peaks against the plain run's peaks."""
    peaks = {}
    for tool in every:
        if tool.name in ("plain", "exact", "sampled"):
            seen = [measure.memory(bench, load, tool) for _ in range(MEMORY_RUNS)]
            peaks[tool.name] = [max(getattr(one, part) for one in seen) for part in ("anonymous", "file", "trace")]
    return {name: {"added_anonymous_bytes": peak[0] - peaks["plain"][0],
                   "added_file_bytes": peak[1] - peaks["plain"][1], "trace_resident_bytes": peak[2]}
            for name, peak in peaks.items() if name != "plain"}


def measure_facts(bench, load, every):
    """Events of one recording, its size when compacted, where the memory is."""
    exact = next(tool for tool in every if tool.name == "exact")
    facts = {"memory": measure_memory(bench, load, every)}
    if measure.run_or_say(bench, load, exact, keep=True) is None:
        return facts
    traces = sorted(glob.glob(exact.files), key=os.path.getsize)
    memtrace = os.path.join(bench.build, "memtrace")
    if not traces:
        say(f"{load.name}: left no trace")
        return facts
    metrics = json.loads(subprocess.check_output([memtrace, "metrics", "--format", "json", traces[-1]]))
    facts["events"] = metrics["events"]
    if not metrics["complete"]:
        say(f"{load.name}: the trace is not complete: {metrics['stopped_because']}")
    if tools.can_compact(bench.build):
        compact = f"{bench.scratch}/compact.mtz"
        if subprocess.call([memtrace, "compact", "-o", compact, traces[-1]], stdout=subprocess.DEVNULL) == 0:
            facts["compact"] = os.path.getsize(compact)
            os.unlink(compact)
        else:
            say(f"{load.name}: memtrace compact failed")
    measure.remove(exact.files)
    return facts


def measure_starts(bench, every, most):
    """Rows of recorder_start.csv: /bin/true under each tool, interleaved."""
    true = loads.Load("/bin/true", "start", ["/bin/true"])
    times = {tool.name: [] for tool in every}
    for number in range(most):
        for tool in every:
            if number < tool.starts:
                done = measure.run_or_say(bench, true, tool)
                if done is not None:
                    times[tool.name].append(done.wall * 1000)
    plain = rows.median(times["plain"])
    return [{"tool": name, "runs": len(some), "median_ms": rows.median(some), "min_ms": min(some), "max_ms": max(some),
             "above_plain_ms": rows.median(some) - plain} for name, some in times.items() if some]


def measure_order(bench, events):
    """Rows of recorder_order.csv, by order.sh."""
    environment = {**os.environ, "BUILD": bench.build}
    out = subprocess.run([f"{HERE}/order.sh", str(events)], env=environment, cwd=bench.scratch, check=False, text=True,
                         stdout=subprocess.PIPE)
    if out.returncode not in (0, 1):
        say(f"order.sh failed: status {out.returncode}")
        return []
    return [dict(zip(ORDER_COLUMNS, (variant, int(count), int(anomalies)))) for variant, count, anomalies in
            (line.split(",") for line in out.stdout.splitlines()[1:])]


def first_line(command):
    try:
        said = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        return (said.strip().splitlines() or [""])[0]
    except (OSError, subprocess.CalledProcessError):
        return ""


def describe_machine(options):
    model = first_line(["sh", "-c", "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo"]) or platform.machine()
    system = first_line(["sh", "-c", ". /etc/os-release && echo \"$PRETTY_NAME\""])
    versions = [first_line(["heaptrack", "--version"]), first_line(["valgrind", "--version"]),
                f"glibc {platform.libc_ver()[1]}"]
    kernel = platform.release().split("-")[0]  # without its builder's suffix
    return (f"{datetime.date.today()}: {os.cpu_count()} processors ({model}), Linux {kernel}, {system}, "
            f"{', '.join(version for version in versions if version)}; {options.rounds} rounds, scale {options.scale}.")


def write_charts(folder, table):
    """One CSV a chart, and the charts."""
    by_load = {}
    for one in table:
        if one["scale"] == "full" and one["group"] != "mean":
            by_load.setdefault(one["load"], {})[one["tool"]] = one
    shown = ("exact", "sampled", "run", "heaptrack")
    with open(f"{folder}/recorder_cost.csv", "w", encoding="utf-8") as cost, \
            open(f"{folder}/recorder_bytes.csv", "w", encoding="utf-8") as size:
        cost.write("load," + ",".join(f"{tool}_wall_ratio" for tool in shown) + "\n")
        size.write("load,raw_bytes_per_event,compact_bytes_per_event,heaptrack_bytes_per_event\n")
        for load, of_tool in by_load.items():
            def field(tool, column, of_tool=of_tool):
                return rows.shown(of_tool.get(tool, {}).get(column)) or "none"
            if "wall_ratio" in of_tool.get("exact", {}):
                cost.write(",".join([load, *(field(tool, "wall_ratio") for tool in shown)]) + "\n")
                size.write(",".join([load, field("exact", "file_bytes_per_event"),
                                     field("exact", "compact_bytes_per_event"),
                                     field("heaptrack", "file_bytes_per_event")]) + "\n")
    for chart in ("recorder_cost", "recorder_bytes"):
        # It warns of every column that holds no number, as that of a tool that is not there: of interest when it fails.
        drawn = subprocess.run(["gnuplot", "-c", f"{PLOTS}/{chart}.gp", f"{folder}/{chart}.csv",
                                f"{folder}/{chart}.png"], check=False, text=True, stderr=subprocess.PIPE)
        if drawn.returncode != 0:
            sys.exit(f"{chart}.gp: {drawn.stderr.strip()}")


def measure_all(bench, options):
    """(rows, starts, order)."""
    every = tools.all_tools(bench.build, bench.scratch)
    chosen = loads.all_loads(bench.build, bench.checkout, bench.scratch, options.scale)
    if options.only:
        wanted = options.only.split(";")
        unknown = [name for name in wanted if name not in [load.name for load in chosen]]
        if unknown:
            sys.stderr.write(f"no load named {unknown[0]!r}; they are: {'; '.join(load.name for load in chosen)}\n")
            sys.exit(2)
        chosen = [load for load in chosen if load.name in wanted]
    say("start-up")
    starts = measure_starts(bench, every, options.starts)
    start_seconds = {one["tool"]: one["median_ms"] / 1000 for one in starts}
    table, results = [], {}
    for load in chosen:
        say(load.name)
        if not load.memory_only:
            interleave(bench, load, every, options, results)
        if load.small and (not options.smoke or load.name == "pairs depth 20"):
            small_round(bench, load, every, results)
        facts = measure_facts(bench, load, every)
        if load.memory_only:
            table += [memory for memory in (rows.memory_row(load, tool, facts) for tool in every
                                            if tool.name in facts["memory"])]
            continue
        for small in (False, True):
            made = (rows.row(results, load, tool, small, start_seconds, facts) for tool in every)
            table += [one for one in made if one is not None]
    table += rows.mean_rows(table)
    say(f"order, {options.order_events} events")
    return table, starts, measure_order(bench, options.order_events) if options.order_events else []


def read_results(folder):
    try:
        with open(f"{folder}/recorder_machine.txt", encoding="utf-8") as text:
            machine = text.read().strip()
        return machine, *(rows.read_csv(f"{folder}/recorder{part}.csv") for part in ("", "_start", "_order"))
    except FileNotFoundError as error:
        sys.stderr.write(f"{error.filename}: no such file; make bench-recorder writes it\n")
        sys.exit(2)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a fifth of each load, 3 rounds: minutes")
    parser.add_argument("--smoke", action="store_true", help="a hundredth of each load, 1 round: does the bench work?")
    parser.add_argument("--only", metavar="LOAD;LOAD...", help="these loads")
    parser.add_argument("--folder", help="where the results are; default BUILD/bench")
    parser.add_argument("--tables", action="store_true", help="measure nothing: print the tables of the last results")
    parser.add_argument("--fill", metavar="FILE", help="measure nothing: put the tables into FILE, between its marks")
    options = parser.parse_args()
    options.scale, options.starts, options.order_events, options.other_rounds = 1, 40, 10_000_000, 2
    if options.quick:
        options.rounds, options.scale, options.starts, options.order_events = 3, 0.2, 10, 1_000_000
    if options.smoke:
        options.rounds, options.scale, options.starts, options.order_events = 1, 0.01, 2, 20_000
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def main():
    options = parse_options()
    build = os.path.abspath(os.environ.get("BUILD", "build"))
    folder = os.path.abspath(options.folder or os.path.join(build, "bench"))
    if options.tables or options.fill:
        lines = list(markdown.tables(*read_results(folder)))
        if not options.fill:
            print("\n".join(lines))
        elif not markdown.fill(options.fill, lines):
            sys.stderr.write(f"{options.fill}: no lines '{markdown.BEGIN}' and '{markdown.END}' to put them between\n")
            return 2
        return 0
    with tempfile.TemporaryDirectory(prefix="memtrace-bench-") as scratch:
        bench = measure.Bench(build, os.path.abspath(os.path.join(HERE, "../..")), scratch)
        table, starts, order = measure_all(bench, options)
    os.makedirs(folder, exist_ok=True)
    rows.write_csv(f"{folder}/recorder.csv", rows.COLUMNS, table)
    rows.write_csv(f"{folder}/recorder_start.csv", START_COLUMNS, starts)
    rows.write_csv(f"{folder}/recorder_order.csv", ORDER_COLUMNS, order)
    with open(f"{folder}/recorder_machine.txt", "w", encoding="utf-8") as output:
        output.write(describe_machine(options) + "\n")
    if shutil.which("gnuplot"):
        write_charts(folder, table)
    print("; ".join(f"{one['tool']} {one['wall_ratio']:.2f}x" for one in table if one["group"] == "mean"),
          "(geometric means of the programs' wall ratios)")
    bars.write_bars(bars.bars(*read_results(folder)[1:]), sys.stdout)
    sys.stdout.flush()  # the next line is of the other stream
    say(f"written: {folder}/recorder*.csv, recorder_cost.png, recorder_bytes.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
