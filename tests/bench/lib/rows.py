"""Runs to rows of the CSV: medians over paired rounds."""

import csv
import statistics

COLUMNS = (
    "load", "group", "tool", "baseline", "scale", "rounds", "wall_seconds", "wall_ratio", "wall_ratio_min",
    "wall_ratio_max", "cpu_seconds", "cpu_ratio", "cpu_ratio_min", "cpu_ratio_max", "events", "ns_per_event",
    "overhead_of_heaptrack", "peak_rss_bytes", "peak_rss_ratio", "threads", "added_anonymous_bytes",
    "added_file_bytes", "trace_resident_bytes", "file_bytes", "file_bytes_per_event", "compact_bytes",
    "compact_bytes_per_event",
)
MEAN = "geometric mean of the programs"


def shown(value, digits=3):
    return "" if value is None else f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def median(values):
    values = list(values)
    return statistics.median(values) if values else None


def pairs_of(results, load, tool, small):
    """(run, baseline's run) of each round in which both finished."""
    runs, base = results.get((load.name, tool.name, small), {}), results.get((load.name, tool.baseline, small), {})
    return [(runs[number], base[number]) for number in sorted(runs) if number in base]


def overhead_of_heaptrack(results, load, tool):
    """This tool's overhead over heaptrack's, of the same rounds."""
    plain, theirs = (results.get((load.name, name, False), {}) for name in ("plain", "heaptrack"))
    return median(
        (run.wall - plain[number].wall) / (theirs[number].wall - plain[number].wall)
        for number, run in results.get((load.name, tool.name, False), {}).items()
        if number in plain and number in theirs and theirs[number].wall > plain[number].wall)


def row(results, load, tool, small, starts, facts):
    """One row of the CSV as numbers; None where the tool finished no round. A run of the small load is less the start
    of the tool and of its baseline, which would be most of it."""
    pairs = pairs_of(results, load, tool, small)
    if not pairs:
        return None
    start, base_start = (starts.get(name, 0.0) if small else 0.0 for name in (tool.name, tool.baseline))
    walls = [(run.wall - start) / max(base.wall - base_start, 1e-4) for run, base in pairs]
    cpus = [run.cpu / max(base.cpu, 1e-3) for run, base in pairs]
    events = facts.get("events") if not small else None
    written = int(median(run.written for run, _ in pairs)) or None
    compact = facts.get("compact") if tool.name == "exact" else None
    made = {
        "load": load.name, "group": load.group, "tool": tool.name, "baseline": tool.baseline,
        "scale": "small" if small else "full", "rounds": len(pairs), "threads": load.threads,
        "wall_seconds": median(run.wall for run, _ in pairs),
        "wall_ratio": median(walls), "wall_ratio_min": min(walls), "wall_ratio_max": max(walls),
        "cpu_seconds": median(run.cpu for run, _ in pairs),
        "cpu_ratio": median(cpus), "cpu_ratio_min": min(cpus), "cpu_ratio_max": max(cpus),
        "events": events,
        "ns_per_event": median((run.wall - base.wall) / events * 1e9 for run, base in pairs) if events else None,
        "overhead_of_heaptrack": None if small or tool.name == "plain" or tool.baseline != "plain"
        else overhead_of_heaptrack(results, load, tool),
        "peak_rss_bytes": int(median(run.rss for run, _ in pairs)),
        "peak_rss_ratio": median(run.rss / base.rss for run, base in pairs),
        "file_bytes": written, "file_bytes_per_event": written / events if written and events else None,
        "compact_bytes": compact, "compact_bytes_per_event": compact / events if compact and events else None,
    }
    return {**made, **facts.get("memory", {}).get(tool.name, {})}


def memory_row(load, tool, facts):
    """Of a load that is run for the sake of its memory alone."""
    return {"load": load.name, "group": load.group, "tool": tool.name, "baseline": tool.baseline,
            "scale": "full", "rounds": 1, "threads": load.threads, "events": facts.get("events"),
            **facts.get("memory", {}).get(tool.name, {})}


def mean_rows(rows):
    """One row a tool: the geometric mean of the ratios of the programs of daily use."""
    tools = dict.fromkeys(one["tool"] for one in rows)
    for tool in tools:
        programs = [one for one in rows if one["group"] == "program" and one["tool"] == tool
                    and one["scale"] == "full" and one.get("wall_ratio")]
        if programs:
            yield {"load": MEAN, "group": "mean", "tool": tool, "baseline": programs[0]["baseline"], "scale": "full",
                   "rounds": min(one["rounds"] for one in programs),
                   "wall_ratio": statistics.geometric_mean(one["wall_ratio"] for one in programs),
                   "cpu_ratio": statistics.geometric_mean(max(one["cpu_ratio"], 1e-3) for one in programs)}


def write_csv(path, columns, rows):
    with open(path, "w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow(columns)
        for one in rows:
            digits = {"wall_seconds": 5, "cpu_seconds": 5, "overhead_of_heaptrack": 4}
            writer.writerow([shown(one.get(name), digits.get(name, 3)) for name in columns])


def read_csv(path):
    """Rows with numbers where they are; an empty field is left out."""
    def value(text):
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                pass
        return text
    with open(path, encoding="utf-8", newline="") as text:
        return [{name: value(field) for name, field in one.items() if field != ""} for one in csv.DictReader(text)]
