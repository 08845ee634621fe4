# What the commands say of a sampled trace: that it is one, and estimates with intervals wherever a figure is of the
# heap; beside an exact one, columns that match.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
record exact.mtr "$programs/sampled_load" 20 >out
(export MEMTRACE_SAMPLE=64K MEMTRACE_SAMPLE_SEED=1 && record sampled.mtr "$programs/sampled_load" 20 >out)
(export MEMTRACE_SAMPLE=512G && record nothing.mtr "$programs/quiet" >out)

# In CSV, JSON and text alike: the interval of every figure that a sample estimates.
python3 - "$memtrace" >estimates 2>&1 <<'END'
import csv, json, subprocess, sys
def run(*arguments):
    return subprocess.run([sys.argv[1], *arguments], check=True, capture_output=True, text=True).stdout
wanted = {
    "metrics": "allocations frees allocated_bytes peak_live_bytes live_bytes_at_end leaked_allocations leaked_bytes "
               "baseline_live_bytes growth_live_bytes growth_live_percent failed_allocations peak_live_blocks "
               "live_blocks_at_end reallocations pool_allocations pool_frees pool_live_bytes_at_end truncated_stacks "
               "live_mean_bytes live_p50_bytes live_p95_bytes live_p99_bytes",
    "timeline": "live_bytes live_blocks allocated_bytes allocations",
    "sites": "allocations allocated_bytes peak_bytes peak_blocks live_blocks live_bytes failed",
    "leaks": "blocks bytes",
    "sizes": "allocations frees live_blocks",
}
for command, names in wanted.items():
    rows = list(csv.DictReader(run(command, "--format", "csv", "sampled.mtr").splitlines()))
    data = json.loads(run(command, "--format", "json", "sampled.mtr"))
    objects = [data] if command == "metrics" else data[command]
    exact = run(command, "--format", "csv", "exact.mtr").splitlines()[0]
    assert len(rows) == len(objects) > 0, command
    assert "_low," not in exact.replace("live_slope_low,", "").replace("rss_slope_low,", ""), (command, exact)
    for row, one in zip(rows, objects):
        for name in names.split():
            low, value, high = one[name + "_low"], one[name], one[name + "_high"]
            if value is None:
                assert name == "growth_live_percent" and low is None, (command, name)
                continue
            assert low <= value and (high is None or value <= high), (command, name, low, value, high)
            assert [row[name + end] for end in ("_low", "", "_high")] == \
                ["" if number is None else str(number) for number in (low, value, high)], (command, name, row)
        estimated = {key[:-4] for key in one if key.endswith("_low") and "slope" not in key}
        assert estimated == set(names.split()), (command, estimated)
    text = run(command, "sampled.mtr")
    assert " to " in text if command == "metrics" else "\n  low " in text and "\n high " in text, command
for command in wanted:
    lines = list(csv.reader(run(command, "--format", "csv", "exact.mtr", "sampled.mtr").splitlines()))
    assert {len(line) for line in lines} == {len(lines[0])}, command
print("all")
END
is "$(cat estimates)" all "metrics, timeline, sites, leaks, sizes: every estimate has its interval, and nothing else has one"

"$memtrace" report sampled.mtr >report.txt
like "$(cat report.txt)" "sampled, one in 64.0 KiB" "report: says so"
like "$(cat report.txt)" "not known: temporary allocations" "report: and what is not known"
like "$(cat report.txt)" "^heap  *peak .* \(.* to .*\), .* after the start" "report: the peak has its interval"
unlike "$(cat report.txt)" "temporary \(" "report: no share of temporary allocations"
is "$(grep ' to .*)' report.txt | awk 'length > 100')" "" "report: no line with an interval is longer than 100 columns"
like "$("$memtrace" report nothing.mtr)" "No allocation was sampled: .* little \(0 B to 1\.8. TiB\)" \
    "report: of a trace without a sample, how much there may have been"
unlike "$("$memtrace" report exact.mtr)" "sampled,|estimate|sampled\$" "report: of an exact trace nothing of the kind"

# A flame graph's values are the estimates, as sites has them.
"$memtrace" flame --value allocated sampled.mtr | awk '{ sum += $NF } END { print sum }' >flame
is "$(cat flame)" "$("$memtrace" sites --format json sampled.mtr | python3 -c '
import json, sys
print(sum(site["allocated_bytes"] for site in json.load(sys.stdin)["sites"]))')" "flame: the estimates of sites"
done_testing
