"""The tables of docs/benchmarks.md, from the CSVs alone."""

from lib.bars import bars, verdict
from lib.rows import MEAN

BEGIN, END = "<!-- tables of recorder.py: begin -->", "<!-- tables of recorder.py: end -->"
NAMES = {"exact": "memtrace", "sampled": "memtrace, 512 KiB samples", "run": "memtrace run"}
MIB = 1 << 20


def table(header, lines):
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for line in lines:
        yield "| " + " | ".join(line) + " |"
    yield ""


def cell(rows, load, tool, text, *columns):
    """TEXT with the values of COLUMNS; empty where one is missing."""
    for one in rows:
        if one["load"] == load and one["tool"] == tool and one["scale"] == "full":
            if all(name in one for name in columns):
                return text.format(*(one[name] for name in columns))
    return ""


def of_loads(rows, present):
    """The loads in order that have a row with the column PRESENT."""
    return list(dict.fromkeys(one["load"] for one in rows if present in one and one["group"] != "mean"))


def time_tables(rows):
    tools = [tool for tool in dict.fromkeys(one["tool"] for one in rows if one["scale"] == "full")
             if tool not in ("plain", "tcmalloc", "jemalloc")]
    loads = [*of_loads(rows, "wall_ratio"), MEAN]
    yield "Wall time over that of the plain run (median of the rounds; smallest to largest):"
    yield ""
    yield from table(["load", "plain, s", *(NAMES.get(tool, tool) for tool in tools)], (
        [load, cell(rows, load, "plain", "{:.3f}", "wall_seconds"),
         *(cell(rows, load, tool, "{:.2f} ({:.2f}-{:.2f})", "wall_ratio", "wall_ratio_min", "wall_ratio_max")
           or cell(rows, load, tool, "**{:.2f}**", "wall_ratio") for tool in tools)] for load in loads))
    yield "CPU time over that of the plain run, of all processes together:"
    yield ""
    yield from table(["load", *(NAMES.get(tool, tool) for tool in tools)], (
        [load, *(cell(rows, load, tool, "{:.2f}", "cpu_ratio") for tool in tools)] for load in loads))
    yield "Overhead in wall time: ns an event (an allocation, a free, a realloc), and as a part of heaptrack's:"
    yield ""
    yield from table(["load", "events", "memtrace, ns", "sampled, ns", "run, ns", "heaptrack, ns", "memtrace / heaptrack",
                      "run / heaptrack"], (
        [load, cell(rows, load, "exact", "{:,}", "events"),
         *(cell(rows, load, tool, "{:.1f}", "ns_per_event") for tool in ("exact", "sampled", "run", "heaptrack")),
         *(cell(rows, load, tool, "{:.3f}", "overhead_of_heaptrack") for tool in ("exact", "run"))]
        for load in of_loads(rows, "wall_ratio")))


def small_table(rows):
    small = [one for one in rows if one["scale"] == "small" and one["tool"] not in (one["baseline"], "plain", "tcmalloc")]
    if not small:
        return
    yield "Tools that are too slow for the whole: one round of a small load, less the start-up of the tool. tcmalloc's"
    yield "baseline is tcmalloc:"
    yield ""
    tools = list(dict.fromkeys(one["tool"] for one in small))
    ratios = {(one["load"], one["tool"]): f"{one['wall_ratio']:.1f}" for one in small}
    yield from table(["load", *tools], ([load, *(ratios.get((load, tool), "") for tool in tools)]
                                        for load in dict.fromkeys(one["load"] for one in small)))


def memory_table(rows):
    yield "Memory. Peak RSS is of the largest process (heaptrack's interpreter is one of its own); memory added is that of"
    yield "the program's process, looked at every 3 ms in runs apart, pages of the trace's file not counted in it:"
    yield ""
    loads = [load for load in of_loads(rows, "events")]
    yield from table(["load", "plain peak RSS, MiB", "memtrace", "memtrace run", "heaptrack", "added anonymous, KiB",
                      "added of files, KiB", "trace's resident pages, MiB"], (
        [load, *in_unit(rows, load, "plain", "peak_rss_bytes", MIB),
         *(cell(rows, load, tool, "{:.2f}x", "peak_rss_ratio") for tool in ("exact", "run", "heaptrack")),
         *in_unit(rows, load, "exact", "added_anonymous_bytes", 1024, 0),
         *in_unit(rows, load, "exact", "added_file_bytes", 1024, 0),
         *in_unit(rows, load, "exact", "trace_resident_bytes", MIB)] for load in loads))


def in_unit(rows, load, tool, column, unit, digits=1):
    values = [one[column] for one in rows if one["load"] == load and one["tool"] == tool and one["scale"] == "full"
              and column in one]
    return [f"{values[0] / unit:.{digits}f}" if values else ""]


def bytes_table(rows):
    yield "Size of what is written, bytes an event:"
    yield ""
    yield from table(["load", "events", "memtrace", "memtrace compact", "memtrace run", "heaptrack"], (
        [load, cell(rows, load, "exact", "{:,}", "events"),
         cell(rows, load, "exact", "{:.2f}", "file_bytes_per_event"),
         cell(rows, load, "exact", "{:.2f}", "compact_bytes_per_event"),
         cell(rows, load, "run", "{:.2f}", "file_bytes_per_event"),
         cell(rows, load, "heaptrack", "{:.2f}", "file_bytes_per_event")] for load in of_loads(rows, "file_bytes")))


def start_table(starts):
    yield "Start-up: wall time of `/bin/true`:"
    yield ""
    yield from table(["tool", "runs", "median, ms", "smallest", "largest", "above plain, ms"], (
        [NAMES.get(one["tool"], one["tool"]), str(one["runs"]),
         *(f"{one[name]:.2f}" for name in ("median_ms", "min_ms", "max_ms", "above_plain_ms"))] for one in starts))


def bars_table(rows, starts, order):
    yield "What it is to keep, and what was measured:"
    yield ""
    yield from table(["what", "bar", "measured", ""], (
        [what, bar, measured, verdict(holds)] for what, bar, measured, holds in bars(rows, starts, order)))


def tables(machine, rows, starts, order):
    """All of them, as lines."""
    yield machine
    yield ""
    yield from bars_table(rows, starts, order)
    yield from time_tables(rows)
    yield from small_table(rows)
    yield from start_table(starts)
    yield from memory_table(rows)
    yield from bytes_table(rows)


def fill(path, lines):
    """Put LINES between the two marks of the file PATH. False: it has no such marks."""
    with open(path, encoding="utf-8") as text:
        before, begin, rest = text.read().partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        return False
    with open(path, "w", encoding="utf-8") as text:
        text.write(before + begin + "\n".join(lines).rstrip("\n") + "\n" + end + after)
    return True
