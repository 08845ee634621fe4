# Libraries that come and go: each block's frames lead into the library that was there at the time.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
try() {
    hostile "$1" "$programs/hostile_modules" "$1" "$programs"
    read_traces
}
# The innermost frame's module by the rule of trace-format.md, from the dump: per size, the modules that hold it.
innermost_modules() {
    python3 - dumps/*.dump <<'EOF'
import collections, re, sys
modules, blocks = [], []
for line in open(sys.argv[1]):
    fields = line.split()
    values = dict(field.split("=", 1) for field in fields[3:] if "=" in field)
    time = int(fields[0])
    if fields[2] == "module":
        modules.append((time, int(values["start"], 16), int(values["end"], 16), values["path"].rsplit("/", 1)[1]))
    elif fields[2] == "malloc" and values["size"] in ("862", "863"):
        blocks.append((time, values["size"], int(values["stack"].split(",")[0], 16) - 1))
counts = collections.Counter()
for time, size, address in blocks:
    here = [m for m in modules if m[1] <= address < m[2]]
    before = [m for m in here if m[0] <= time]
    module = max(before) if before else min(here) if here else (0, 0, 0, "none")
    counts[size, module[3]] += 1
for (size, name), count in sorted(counts.items()):
    print(size, name, count)
EOF
}
try turns
is "$(cat plain.out)" "at one address" "turns: the two libraries do take turns at one address"
is "$(innermost_modules)" "862 libhostile_a.so 500
863 libhostile_b.so 500" "turns: every block is its own library's"
is "$(cat dumps/*.dump | grep ' malloc size=86[23] ' | sed 's/.*stack=//' | awk -F, '{ print NF }' | sort -u | wc -l)" 1 \
    "turns: all stacks are of one depth: no rule of the other library was used"
is "$(cat dumps/*.dump | grep -c ' module_gone ')" "$(($(cat dumps/*.dump | grep -c ' module .*hostile_[ab].so')))" \
    "turns: each that came is gone"
try beside_threads
is "$(innermost_modules)" "862 libhostile_a.so 1000
863 libhostile_b.so 1000" "beside_threads: every block is its own library's"
is "$(said counter.0)" 0 "beside_threads: nothing lost"
try own_namespace
counted ' malloc size=777 ' 20000 "own_namespace: what is loaded elsewhere does not matter"
try errors
done_testing
