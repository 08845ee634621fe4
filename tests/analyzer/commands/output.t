# What the commands print, and to where: formats agree, several traces, write errors, usage.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"

record leak.mtr "$programs/leak_c" >/dev/null
record list.mtr "$programs/linked_list" >/dev/null

# CSV and JSON hold the same rows; a stack's csv columns are those of one of the JSON stack's frames.
cat >compare.py <<'EOF'
import csv, json, sys
name = sys.argv[1]
table = json.load(open(name + ".json"))
rows = [table] if name == "metrics" else table[name]
lines = list(csv.DictReader(open(name + ".csv", newline="")))
assert len(rows) == len(lines) > 0, (len(rows), len(lines))
text = lambda value: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
for row, line in zip(rows, lines):
    for key, value in row.items():
        if key == "stack":
            place = [text(line[k]) for k in ("function", "file", "line", "module")]
            assert place in [[text(f[k]) for k in ("function", "file", "line", "module")] for f in value], place
            folded = ";".join(f["function"].replace(";", ":") for f in reversed(value))
            assert line["stack"] == folded, (line["stack"], folded)
        elif isinstance(value, float):
            assert float(line[key]) == value, (key, value, line[key])
        else:
            assert line[key] == text(value), (key, value, line[key])
EOF
for command in metrics timeline sites leaks sizes; do
    "$memtrace" $command --format json -o $command.json leak.mtr
    "$memtrace" $command --format=csv leak.mtr >$command.csv
    ok "$command: csv and json agree" python3 compare.py $command
    "$memtrace" $command leak.mtr >first.txt
    "$memtrace" $command leak.mtr >second.txt
    ok "$command: two runs print the same" cmp first.txt second.txt
    unlike "$(cat first.txt)" ' $' "$command: no line of the text ends in a blank"
done

# Columns that scripts rely on.
is "$(head -n 1 sizes.csv)" "requested_bytes,allocations,frees,live_blocks" "the columns of sizes"
is "$(python3 -c 'import json; print(sorted(json.load(open("leaks.json"))["leaks"][0]["stack"][0])[:4])')" \
    "['file', 'function', 'line', 'module']" "the keys of a frame"
is "$(python3 -c 'import json; s = json.load(open("sites.json"))["sites"][0]
print(all(k in s for k in "allocations allocated_bytes peak_bytes live_blocks live_bytes temporary stack".split()))')" \
    True "the keys of a site"

# flame: the values of a column add up.
for pair in peak:peak_bytes live:live_bytes allocated:allocated_bytes allocations:allocations; do
    is "$("$memtrace" flame --value ${pair%:*} leak.mtr | awk '{ sum += $NF } END { print sum + 0 }')" \
        "$(python3 -c "import json; print(sum(s['${pair#*:}'] for s in json.load(open('sites.json'))['sites']))")" \
        "flame --value ${pair%:*} adds up to what sites say"
done
like "$("$memtrace" flame leak.mtr)" '^_start;.*;main;.* [0-9]+$' "flame goes from the outermost frame inwards"

# Several traces.
"$memtrace" metrics --format json leak.mtr list.mtr >both.json
is "$(python3 -c 'import json; print([t["trace"] for t in json.load(open("both.json"))])')" "['leak.mtr', 'list.mtr']" \
    "several traces are an array, in order"
is "$(json_field 1.allocations <both.json)" "$(metric allocations list.mtr)" "each has its own figures"
"$memtrace" sites --format csv leak.mtr list.mtr >both.csv
is "$(cut -d, -f1 both.csv | uniq | tr '\n' ' ')" "trace leak.mtr list.mtr " "in csv the first column names the trace"
like "$("$memtrace" report leak.mtr list.mtr)" '^== list.mtr' "reports follow one another"

# Write errors are told once, with status 2.
for command in report metrics timeline sites leaks sizes flame; do
    "$memtrace" $command leak.mtr >/dev/full 2>err
    is "$?:$(wc -l <err):$(grep -c 'No space left' err)" 2:1:1 "$command: a full disk is one line and status 2"
done
mkfifo pipe
exec 3<>pipe 4>pipe 3<&- # a pipe whose only reader has left
"$memtrace" timeline --format csv leak.mtr 2>err >&4
is $? 2 "a closed pipe is status 2"
exec 4>&-
is "$(wc -l <err):$(grep -c 'Broken pipe' err)" 1:1 "and one line"
exits 2 "no such folder" "$memtrace" sites -o nowhere/file leak.mtr
like "$(cat command.out)" "^memtrace: cannot write 'nowhere/file': No such file" "it names the file"
cp leak.mtr kept.mtr
chmod u+w kept.mtr
exits 2 "a trace is not overwritten" "$memtrace" sites -o kept.mtr leak.mtr
ok "it is as it was" cmp kept.mtr leak.mtr
echo before >existing
exits 2 "a trace that cannot be read leaves the output alone" "$memtrace" sites -o existing nowhere.mtr
is "$(cat existing)" before "it is as it was"

# Usage.
for arguments in "" "nonsense" "sites" "sites --top" "sites --top -3 leak.mtr" "sites --format xml leak.mtr" \
    "plot leak.mtr list.mtr" "help nonsense"; do
    # shellcheck disable=SC2086
    "$memtrace" $arguments >out 2>err
    is "$?:$(wc -l <err):$(wc -c <out)" 2:1:0 "memtrace $arguments: one line on stderr, status 2"
done
is "$("$memtrace" help sites)" "$("$memtrace" sites --help)" "help COMMAND is COMMAND --help"
like "$("$memtrace" --version)" "^memtrace [0-9]+\.[0-9]+" "--version"
"$memtrace" sites --help >/dev/full 2>err
is "$?" 2 "--help to a full disk is status 2"
done_testing
