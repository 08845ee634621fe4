# The charts: made by `memtrace plot` and by the scripts alone; empty data, awkward names, no gnuplot.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
command -v gnuplot >/dev/null || skip_all "gnuplot is not installed"
plots=$TESTS/../plots
charts='timeline sites size_histogram leaks'

# The texts of an SVG, one a line.
svg_texts() {
    python3 -c '
import sys, xml.etree.ElementTree as tree
for text in tree.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}text"):
    print("".join(text.itertext()).replace("\u00a0", " ").strip())' "$1"
}

# The picture is a PNG of its full width with several colours in it.
png_is_drawn() {
    python3 -c '
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n", "not a PNG"
width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
assert width == 800 and height > 150, (width, height)
at, stream = 8, b""
while at < len(data):
    size, name = struct.unpack(">I4s", data[at:at + 8])
    if name == b"IDAT":
        stream += data[at + 8:at + 8 + size]
    at += 12 + size
assert len(set(zlib.decompress(stream))) > 20, "blank"' "$1"
}

record leak.mtr "$programs/leak_cpp" >/dev/null
ok "plot makes its folder" "$memtrace" plot leak.mtr -o charts
is "$(cat command.out)" "" "and says nothing"
for chart in $charts; do
    ok "$chart.csv has rows" test "$(wc -l <charts/$chart.csv)" -gt 1
    ok "$chart.png is drawn" png_is_drawn charts/$chart.png
    ok "$chart.svg is an SVG with texts" test "$(svg_texts charts/$chart.svg | wc -l)" -gt 4
done
like "$(svg_texts charts/timeline.svg)" '^memory \((bytes|[KMG]iB)\)$' "memory over time: the axis has its unit"
like "$(svg_texts charts/timeline.svg)" '^time since the start \((µs|ms|s|min|h)\)$' "and the other one too"
like "$(svg_texts charts/timeline.svg)" '^main$' "the mark at main is named"
like "$(svg_texts charts/timeline.svg)" '^peak [0-9.]+ [KM]iB$' "the peak is, too"
like "$(svg_texts charts/leaks.svg)" 'planted::inlined_leak|make_numbers leak_cpp\.cpp:[0-9]+$' "leaks: a planted one is named"
like "$(svg_texts charts/sites.svg)" '%.*blocks?$' "sites: each bar has its share and blocks"
cp -r charts before
"$memtrace" plot leak.mtr -o charts
ok "a second run makes the same files" diff -r charts before

# A script alone, from another directory, with and without a title.
mkdir elsewhere
ok "a script runs alone" sh -c "cd elsewhere && gnuplot -c '$plots/sites.gp' ../charts/sites.csv out.svg"
is "$(svg_texts elsewhere/out.svg | grep block)" "$(svg_texts charts/sites.svg | grep block)" \
    "and draws the same"
ok "a script named without a folder runs" sh -c "cd '$plots' && gnuplot -c leaks.gp '$PWD/charts/leaks.csv' '$PWD/elsewhere/out.png'"
ok "into a PNG by the ending" png_is_drawn elsewhere/out.png
exits 2 "without arguments: status 2" gnuplot -c "$plots/timeline.gp"
like "$(cat command.out)" '^usage: gnuplot -c' "and the usage"

# No rows: the chart says so.
for chart in $charts; do
    head -n 1 charts/$chart.csv >empty.csv
    ok "$chart: no rows are no error" gnuplot -c "$plots/$chart.gp" empty.csv empty.svg
    like "$(svg_texts empty.svg)" '^no (events were|allocation was|block was)|no allocation was recorded$' "$chart: it is said"
done

# Names with what markup, CSV and gnuplot have a use for.
python3 - <<'EOF'
import csv
head = "class,blocks,bytes,pool,label,function,file,line,module,stack".split(",")
names = ["under_score_^caret {brace}", "std::map<int, int>::operator[] a.cpp:3", "@macro `date` $HOME 'quoted' a.c:7",
         "percent %s %d.c:1", "naïve_é a.c:3"]
with open("awkward.csv", "w", newline="") as file:
    out = csv.writer(file, lineterminator="\n")
    out.writerow(head)
    for i, name in enumerate(names):
        out.writerow(["outstanding", 1, 5000 - i, "false", name, 'operator"" _km', "/a,b.c", 3, "/bin/x", 'main;operator"" _km'])
open("names", "w").write("\n".join(names) + "\n")
marks = ["first, with a comma", "under_score", "x"]
with open("marks.csv", "w", newline="") as file:
    out = csv.writer(file, lineterminator="\n")
    out.writerow("time_ns,live_bytes,live_blocks,allocated_bytes,allocations,rss_bytes,mark".split(","))
    for i in range(100):
        out.writerow([i * 10**9, i * 10**5, i, i, i, "", {10: marks[0], 50: marks[1], 51: marks[2]}.get(i, "")])
EOF
ok "awkward names" gnuplot -c "$plots/leaks.gp" awkward.csv awkward.svg
is "$(svg_texts awkward.svg | grep -cFxf names)" 5 "stand there letter by letter"
ok "marks are drawn" gnuplot -c "$plots/timeline.gp" marks.csv marks.svg
like "$(svg_texts marks.svg)" '^first, with a comma$' "a mark's name is whole"
like "$(svg_texts marks.svg)" '^under_score$' "and no markup"
unlike "$(svg_texts marks.svg)" '^x$' "one that has no room has no name"
like "$(svg_texts marks.svg)" '^RSS \(not sampled\)$' "RSS without samples is said to be"

# RSS as the program has it: what is the recorder's own is taken off.
printf '%s\n' time_ns,live_bytes,live_blocks,allocated_bytes,allocations,rss_bytes,recorder_rss_bytes,mark \
    0,10,1,10,1,9437184,8388608, 1000000,20,2,20,2,9437184,8388608,main 1000000,20,2,20,2,,, \
    1000001,20,2,20,2,1048576,, >recorder.csv
ok "RSS with the recorder's share" gnuplot -c "$plots/timeline.gp" recorder.csv recorder.svg
like "$(svg_texts recorder.svg)" "^RSS without the recorder's own\$" "is said to be without it"
unlike "$(svg_texts recorder.svg)" '^[2-9]$' "and drawn without it: 1 MiB of 9"

# What goes wrong.
record quiet.mtr "$programs/quiet"
ok "a trace without events is drawn" "$memtrace" plot quiet.mtr -o quiet
like "$(svg_texts quiet/leaks.svg)" '^no block was outstanding' "and said to have none"
mkdir nothing
exits 2 "no gnuplot" env PATH="$PWD/nothing" "$memtrace" plot leak.mtr -o without
is "$(wc -l <command.out):$(grep -c 'gnuplot.*install' command.out)" 1:1 "is one line that says what to install"
ok "the CSVs are there" test -s without/timeline.csv
exits 2 "scripts that are not there" env MEMTRACE_PLOTS="$PWD/nothing" "$memtrace" plot leak.mtr -o without
is "$(wc -l <command.out)" 1 "one line"
cp -r "$plots" own
echo 'nonsense' >own/leaks.gp
exits 2 "a script with a fault" env MEMTRACE_PLOTS="$PWD/own" "$memtrace" plot leak.mtr -o without
like "$(cat command.out)" "^gnuplot: .*leaks.gp.* line 1" "gnuplot's own message is shown"
: >file
exits 2 "a file where the folder should be" "$memtrace" plot leak.mtr -o file
is "$(wc -l <command.out)" 1 "one line"
done_testing
