# The measurement of the recorder works: it runs every load under every tool that is there and writes whole tables, and
# from given figures it draws the right conclusions. How long anything takes is no claim here.
. "$TESTS/lib/tap.sh"
plan 20
bench="$TESTS/bench/recorder.py"

ok "a hundredth of each load runs through" python3 "$bench" --smoke --folder results
cp command.out said
like "$(tail -n 1 said)" '^written: ' "and says where the results are"
header=$(head -n 1 results/recorder.csv)
like "$header" '^load,group,tool,.*,wall_ratio,.*,compact_bytes_per_event$' "one row a load and tool"
is "$(python3 -c '
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
print(len({len(row) for row in rows}), all(row[0] and row[2] and row[4] in ("full", "small") for row in rows[1:]))
' results/recorder.csv)" "1 True" "every row has every column"

# Loads with a time under each of our tools, and loads at all.
is "$(python3 -c '
import csv, sys
numbers = ("wall_seconds", "wall_ratio", "cpu_ratio", "peak_rss_ratio", "events", "ns_per_event", "file_bytes_per_event")
timed = {}
for row in csv.DictReader(open(sys.argv[1])):
    if row["scale"] == "full" and row["group"] in ("synthetic", "program", "other"):
        whole = all(row[name] for name in numbers if row["tool"] != "plain" or not name.startswith("file"))
        whole = whole and (row["compact_bytes"] != "" or row["tool"] != "exact")
        timed.setdefault(row["load"], set()).update([row["tool"]] if whole else [])
print(*(load for load, tools in timed.items() if not {"plain", "exact", "run"} <= tools and "131072" not in load))
' results/recorder.csv)" "" "every load has figures of the plain run and of both ways to record it"
for load in 'pairs depth 20' 'pairs 1024 stacks' 'pairs 8 threads' realloc 'C++ containers' sqlite3 perl jq python3 cc1 scanner
do
    grep -q "^$load,[a-z]*,exact," results/recorder.csv || echo "$load"
done >missing
is "$(cat missing)" "" "none of the loads is missing"
# load_pairs 50000: as many allocations, as many frees, and a few of the program's start and end.
events=$(sed -n 's/^pairs depth 20,synthetic,exact,plain,full,//p' results/recorder.csv | cut -d, -f10)
ok "it counts the events that the program makes ($events)" test "$events" -ge 100000 -a "$events" -le 100100
like "$(cat results/recorder_start.csv)" '^exact,2,[0-9.]+,[0-9.]+,[0-9.]+,-?[0-9.]+$' "the start-up is measured apart"
like "$(cat results/recorder_order.csv)" '^glibc as it is,2[0-9]{4},0$' "the order of events is checked"
if command -v gnuplot >/dev/null; then
    is "$(head -c 4 results/recorder_cost.png | tail -c 3)$(head -c 4 results/recorder_bytes.png | tail -c 3)" PNGPNG \
        "two charts are drawn"
else
    skip 1 "gnuplot is not installed"
fi
is "$(grep -c -E '^(holds|broken|not measured) ' said)" 11 "each bar has its verdict"

python3 "$bench" --tables --folder results >tables
is "$(grep -c '^| pairs 8 threads |' tables)" 5 "every table of loads has its row"
printf 'before\n<!-- tables of recorder.py: begin -->\nold\n<!-- tables of recorder.py: end -->\nafter\n' >page.md
python3 "$bench" --fill page.md --folder results
is "$(sed '1d;2d' page.md | head -n -2)" "$(cat tables)" "the tables can be put into a page"
cp page.md once.md
python3 "$bench" --fill page.md --folder results
ok "twice, too" cmp once.md page.md
echo "no marks" >bare.md
exits 2 "a page without marks is refused" python3 "$bench" --fill bare.md --folder results
exits 2 "an unknown load is refused" python3 "$bench" --smoke --only nonsense --folder other
exits 2 "so are tables of nothing" python3 "$bench" --tables --folder nowhere

# Where memory is: 8 MiB of pages touched without a file, 4 of a trace, 2 of another file.
is "$(PYTHONPATH=$TESTS/bench python3 -c '
import mmap, os
from lib import measure
def touched(name, size):
    if name is None:
        area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE)
    else:
        with open(name, "w+b") as file:
            file.truncate(size)
            area = mmap.mmap(file.fileno(), size)
    for at in range(0, size, 4096):
        area[at] = 1
    return area
before = measure.resident(os.getpid(), "/traces/ours.")
os.mkdir("traces")
areas = [touched(None, 8 << 20), touched("traces/ours.1.mtr", 4 << 20), touched("other", 2 << 20)]
after = measure.resident(os.getpid(), "/traces/ours.")
print(*(round((then - now) / (1 << 20)) for now, then in zip(before, after)))')" "8 2 4" \
    "pages without a file, of files, and of the trace are told apart"

# The arithmetic, on figures made by hand.
is "$(PYTHONPATH=$TESTS/bench python3 -c '
from lib import loads, measure, rows, tools
load = loads.Load("x", "program", ["x"])
def runs(*walls):
    return {number: measure.Run(wall, wall, 100, 50) for number, wall in enumerate(walls)}
results = {("x", "plain", False): runs(1.0, 2.0, 1.0), ("x", "exact", False): runs(1.5, 4.0, 1.1),
           ("x", "heaptrack", False): runs(11.0, 22.0, 11.0)}
row = rows.row(results, load, tools.Tool("exact"), False, {}, {"events": 1000})
print(*(f"{row[name]:.3f}" for name in ("wall_ratio", "wall_ratio_min", "wall_ratio_max", "overhead_of_heaptrack",
                                        "ns_per_event", "file_bytes_per_event")))')" \
    "1.500 1.100 2.000 0.050 500000.000 0.050" "ratios are of paired rounds, and medians of them"
is "$(PYTHONPATH=$TESTS/bench python3 -c '
from lib.bars import bars
def row(load, tool, **more):
    return {"load": load, "tool": tool, "scale": "full", "group": "synthetic", "threads": 1, **more}
def verdicts(ratio, share, added, above, anomalies):
    table = [row("pairs depth 20", "exact", wall_ratio=ratio, overhead_of_heaptrack=share, file_bytes_per_event=10.0,
                 added_anonymous_bytes=added, added_file_bytes=0, trace_resident_bytes=0, compact_bytes=5),
             row("pairs depth 20", "heaptrack", wall_ratio=11.0, file_bytes=5)]
    found = bars(table, [{"tool": "exact", "above_plain_ms": above}], [{"events": 9, "anomalies": anomalies}])
    return ["?" if one[3] is None else "ny"[one[3]] for one in found]
print(*verdicts(2.0, 1 / 12, 17 << 20, 1.0, 0))
print(*verdicts(2.01, 1 / 13, (17 << 20) + 1, 1.01, 1))
print(*verdicts(2.0, 1 / 11, 1, 1, 0))')" "y ? ? ? ? y y y ? y y
n ? ? ? ? n n y ? y n
n ? ? ? ? y y y ? y y" "a bar holds up to its limit, and one that was not measured is neither kept nor broken"
