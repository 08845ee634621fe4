"""What the recorder is to keep: each bar with what was measured, from the rows of the CSVs alone."""

from lib.rows import MEAN

MIB = 1 << 20


class Rows:
    def __init__(self, rows):
        self.rows = rows

    def get(self, load, tool, column):
        for one in self.rows:
            if one["load"] == load and one["tool"] == tool and one["scale"] == "full":
                return one.get(column)
        return None

    def programs(self):
        return list(dict.fromkeys(one["load"] for one in self.rows if one["group"] == "program"))


def at_most(value, limit, text="{:.2f}x"):
    """(measured, holds) of one figure."""
    return ("not measured", None) if value is None else (text.format(value), value <= limit)


def both(*parts):
    """Several figures of which all must hold; one that was not measured decides nothing."""
    verdicts = [holds for _, holds in parts]
    holds = False if False in verdicts else None if None in verdicts else True
    return "; ".join(measured for measured, _ in parts), holds


def pair_bar(rows, load, limit, share):
    parts = [at_most(rows.get(load, "exact", "wall_ratio"), limit)]
    if share:
        part = rows.get(load, "exact", "overhead_of_heaptrack")
        parts.append(("heaptrack's overhead not measured", None) if part is None
                     else (f"overhead 1/{1 / max(part, 1e-6):.1f} of heaptrack's", part <= 1 / 12))
    theirs = rows.get(load, "heaptrack", "wall_ratio")
    measured, holds = both(*parts)
    return measured + (f" (heaptrack {theirs:.1f}x)" if theirs else ""), holds


def programs_bar(rows):
    ratios = {name: rows.get(name, "exact", "wall_ratio") for name in rows.programs()}
    ratios = {name: ratio for name, ratio in ratios.items() if ratio}
    if not ratios:
        return "not measured", None
    worst = max(ratios, key=ratios.get)
    theirs = {name: rows.get(name, "heaptrack", "wall_ratio") for name in ratios}
    slower = [name for name in ratios if theirs[name] and ratios[name] >= theirs[name]]
    compared = sum(1 for name in ratios if theirs[name])
    return both(at_most(rows.get(MEAN, "exact", "wall_ratio"), 1.25, "geomean {:.2f}x"),
                (f"largest {ratios[worst]:.2f}x ({worst})", ratios[worst] <= 1.45),
                (f"below heaptrack's on {compared - len(slower)} of {len(ratios)}",
                 not slower if compared == len(ratios) else None))


def memory_bar(rows):
    """The load on which the recorder took most of what it may: added memory without the trace's resident pages."""
    shares = []
    for one in rows.rows:
        if one["tool"] in ("exact", "sampled") and "added_anonymous_bytes" in one:
            added = max(0, one["added_anonymous_bytes"]) + max(0, one["added_file_bytes"])
            shares.append((added / ((16 + one["threads"]) * MIB), added, one))
    if not shares:
        return "not measured", None
    share, added, one = max(shares, key=lambda entry: entry[0])
    return (f"at most {added / MIB:.1f} MiB ({one['load']}, {one['tool']}; {one['threads']} threads; "
            f"trace apart: {one['trace_resident_bytes'] / MIB:.1f} MiB resident)"), share <= 1


def compressed_bar(rows, names):
    larger, ratios = [], []
    for name in names:
        ours, theirs = rows.get(name, "exact", "compact_bytes"), rows.get(name, "heaptrack", "file_bytes")
        if ours and theirs:
            ratios.append(ours / theirs)
            larger += [f"{name} {ours / theirs:.2f}"] if ours > theirs else []
    if not ratios:
        return "not measured", None
    return (f"{min(ratios):.2f} to {max(ratios):.2f} of heaptrack's on {len(ratios)} loads"
            + (f"; larger: {', '.join(larger)}" if larger else "")), not larger


def start_bar(starts):
    above = {one["tool"]: one["above_plain_ms"] for one in starts}
    measured, holds = at_most(above.get("exact"), 1.0, "{:.2f} ms")
    return measured + (f" (heaptrack {above['heaptrack']:.1f} ms)" if "heaptrack" in above else ""), holds


def order_bar(order):
    if not order:
        return "not measured", None
    events, anomalies = sum(one["events"] for one in order), sum(one["anomalies"] for one in order)
    return f"{anomalies} in {events:,} events", anomalies == 0


def bars(all_rows, starts, order):
    """[(what, bar, measured, holds)]; holds is None where it could not be measured."""
    rows = Rows(all_rows)
    names = list(dict.fromkeys(one["load"] for one in all_rows if one["group"] in ("synthetic", "program")))
    return [(what, bar, *verdict) for what, bar, verdict in (
        ("pair, depth 20, one stack", "<= 2.0x; overhead <= 1/12 of heaptrack's",
         pair_bar(rows, "pairs depth 20", 2.0, True)),
        ("pair, 1,024 stacks", "<= 2.5x", pair_bar(rows, "pairs 1024 stacks", 2.5, False)),
        ("pair, 4 threads", "<= 2.8x; overhead <= 1/12 of heaptrack's", pair_bar(rows, "pairs 4 threads", 2.8, True)),
        ("programs of daily use", "geomean <= 1.25x, none above 1.45x, below heaptrack's on each", programs_bar(rows)),
        ("the same, sampled at 512 KiB", "geomean <= 1.03x", at_most(rows.get(MEAN, "sampled", "wall_ratio"), 1.03)),
        ("memory added", "<= 16 MiB + 1 MiB a thread", memory_bar(rows)),
        ("start-up on /bin/true", "<= 1 ms above plain", start_bar(starts)),
        ("trace bytes an event, pair, raw", "<= 10",
         at_most(rows.get("pairs depth 20", "exact", "file_bytes_per_event"), 10, "{:.2f}")),
        ("trace bytes an event, cc1 and clang -cc1, raw", "<= 20", both(
            *(at_most(rows.get(name, "exact", "file_bytes_per_event"), 20, name + " {:.2f}")
              for name in ("cc1", "clang -cc1")))),
        ("trace, compressed", "at most heaptrack's", compressed_bar(rows, names)),
        ("order of cross-thread events", "0 anomalies", order_bar(order)),
    )]


def verdict(holds):
    return {True: "holds", False: "broken", None: "not measured"}[holds]


def write_bars(table, output):
    width = [max(len(one[column]) for one in table) for column in range(3)]
    for what, bar, measured, holds in table:
        output.write(f"{verdict(holds):12}  {what:{width[0]}}  {bar:{width[1]}}  {measured}\n")
