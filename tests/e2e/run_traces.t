# What `memtrace run` puts into the traces of what it ran, and where they are.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"

header_field() { # NAME TRACE, from the independent reader
    python3 "$TESTS/oracle/read_trace.py" header "$2" | sed -n "s/^$1=//p"
}
samples() { # TRACE: the samples from outside, one a line: NS rss peak pss uss
    python3 "$TESTS/oracle/read_trace.py" dump "$1" | sed -n 's/^\([0-9]*\) 0 sample reason=outside rss=\([0-9]*\) peak_rss=\([0-9]*\) pss=\([0-9]*\) uss=\([0-9]*\) .*/\1 \2 \3 \4 \5/p'
}

# --- Samples ---
"$memtrace" run -o grows.mtr -- "$programs/grows" 64 600 >out 2>err
is "$? $(cat out)" "0 grown" "the program runs"
is "$(cat err)" "memtrace: recorded; see: memtrace report grows.mtr" "one line says where the trace is and what to do next"
samples grows.mtr >seen
# Every 10 ms, after a dozen in the first 40; a busy machine lets some go by and makes the program last longer.
most=$(awk 'NR == 1 { first = $1 } END { print int(($1 - first) / 10000000) + 13 }' seen)
ok "there are about a hundred samples a second ($(wc -l <seen); at most $most)" test "$(wc -l <seen)" -ge 40 -a "$(wc -l <seen)" -le "$most"
ok "in the order of time" sh -c 'cut -d" " -f1 seen | sort -n -c'
top=$(cut -d' ' -f2 seen | sort -n | tail -n 1)
ok "the largest RSS is the 64 MiB and little more ($top)" test "$top" -ge $((64 << 20)) -a "$top" -le $((80 << 20))
ok "the first is not" test "$(head -n 1 seen | cut -d' ' -f2)" -lt $((32 << 20))
final=$(tail -n 1 seen | cut -d' ' -f2)
ok "the last one has half of it ($final)" test "$final" -ge $((32 << 20)) -a "$final" -le $((48 << 20))
awk '$4 != 0' seen >detailed
ok "PSS and USS are in some ($(wc -l <detailed))" test "$(wc -l <detailed)" -ge 2
is "$(awk '$4 > $2 || $5 > $4 || $3 < $2' detailed)" "" "and USS <= PSS <= RSS <= peak in each"
peak=$(header_field exit.peak_rss_bytes grows.mtr)
ok "the exit record's peak is the 64 MiB, too ($peak)" test "$peak" -ge $((64 << 20)) -a "$peak" -le $((80 << 20))
is "$(header_field flags grows.mtr)" 8 "the trace says that it was made under run"
readers_agree grows.mtr "both readers read it alike"

# --- The raw form (of the compact one: run_compact.t) of a killed program: the recorder could neither write an end nor trim ---
"$memtrace" run -q --raw -o killed.mtr -- sh -c "exec '$programs/grows' 48 100000" &
runner=$!
untrimmed=100000000 # a running process's file is as large as its cap: most of a disk, or much of a small one
for _ in $(seq 400); do
    sleep 0.05
    before=$(stat -c %s killed.1.mtr 2>/dev/null || echo 0)
    [ "$before" -gt $untrimmed ] && break
done
sleep 0.5
kill -KILL "$(pgrep -P $runner)"
wait $runner
is $? 137 "killed: 128 + 9"
is "$(header_field exit.kind killed.1.mtr) $(header_field exit.code killed.1.mtr)" "5 9" "the trace says by what"
ok "and is cut from $before to $(stat -c %s killed.1.mtr) bytes" test "$before" -gt $untrimmed -a "$(stat -c %s killed.1.mtr)" -lt 10000000
is "$(stat -c %a killed.1.mtr) $(header_field next killed.1.mtr)" "400 $(stat -c %s killed.1.mtr)" "read-only, up to its last chunk"
ok "with samples" test "$(samples killed.1.mtr | wc -l)" -gt 10
ok "with a peak" test "$(header_field exit.peak_rss_bytes killed.1.mtr)" -gt 1000000
is "$(header_field exit.kind killed.mtr)" 6 "the shell's trace, before the exec, says exec"
is "$(stat -c %a killed.mtr) $(header_field next killed.mtr)" "400 $(stat -c %s killed.mtr)" "and is cut as well"
readers_agree killed.1.mtr "both readers read it alike"
readers_agree killed.mtr "and the shell's"

# --- A tree of processes; one of them is killed and one is left running ---
mkdir tree && cd tree
"$memtrace" run --raw -- sh -c "'$programs/ends' exit; '$programs/ends' signal 9; '$programs/signal_log' >log & while ! grep -q ready log; do sleep 0.1; done; exit 3" >out 2>err
is $? 3 "a tree's status is the program's own"
like "$(cat err)" "^memtrace: recorded, [4-9] traces in all; see: memtrace report memtrace\.[a-z]+\.[0-9]+\.mtr$" "the line counts the traces"
named=$(sed -n 's/.*memtrace report //p' err)
is "$(header_field info.command_line "$named" | cut -c 1-5)" "sh -c" "and names the program's"
for trace in memtrace.ends.*.mtr; do
    is "$(header_field next "$trace")" "$(stat -c %s "$trace")" "the trace of a finished process is cut ($(header_field exit.kind "$trace"))"
done
running=$(ls memtrace.signal_log.*.mtr)
ok "the trace of one that runs on is not touched" test "$(stat -c %s "$running")" -gt $untrimmed
pid=$(sed -n 's/ready //p' log)
kill -s RTMIN "$pid"
for _ in $(seq 200); do
    [ "$(stat -c %s "$running")" -gt $untrimmed ] || break
    sleep 0.1
done
is "$(stat -c %s "$running")" "$(header_field next "$running")" "until it ends"
cd ..

# --- A process whose memory is shared with one that outlives it is left alone: see tests/analyzer/watch/trim_test.c

# --- The names ---
mkdir there
"$memtrace" run -q -o there -- "$programs/ends" exit
like "$(ls there)" '^memtrace\.ends\.[0-9]+\.mtr$' "-o of a directory puts the traces there"
"$memtrace" run -q -o 'a b.mtr' -- true
"$memtrace" run -o 'a b.mtr' -- true 2>err
is "$(cat err)" "memtrace: recorded; see: memtrace report 'a b.1.mtr'" "a taken name gets a number, a blank its quotes"
"$memtrace" run -q -o x.mtr -- sh -c 'cd /; true'
ok "-o is relative to where we are, not to where the program goes" test -f x.mtr

# --- When there is none ---
MEMTRACE_DISABLE=1 "$memtrace" run -- true 2>err
is "$? $(cat err)" "0 memtrace: nothing was recorded: MEMTRACE_DISABLE is set" "disabled: it says so"
"$memtrace" run --images 'nothing*' -- true 2>err
is "$? $(cat err)" "0 memtrace: nothing was recorded: MEMTRACE_IMAGES does not name it" "not among the images: it says so"
"$memtrace" run -o /no/such/directory/x.mtr -- "$programs/ends" exit 9 2>err
is $? 9 "a trace that cannot be made does not keep the program from running"
like "$(cat err)" '^memtrace: nothing was recorded: .*director' "and the reason is said"
"$memtrace" run --images ends -- sh -c "'$programs/ends' exit; true" 2>err
like "$(cat err)" '^memtrace: the program itself was not recorded \(MEMTRACE_IMAGES does not name it\), but 1 other was; see: memtrace report memtrace\.ends\.[0-9]*\.mtr$' "only a child: that is said"

# --- The recorder's limit, and run within run ---
"$memtrace" run -q -o limit.mtr --limit 512K -- "$programs/ten_million" 300000 >out 2>err
is "$(header_field stop_reason limit.mtr)" 1 "the trace stopped at its limit"
ok "and has its end and its samples" test "$(header_field exit.kind limit.mtr)" -eq 1
readers_agree limit.mtr "both readers read it alike"
"$memtrace" run -q -o outer.mtr -- "$memtrace" run -q -o inner.mtr -- "$programs/ends" exit 6
is "$? $(header_field exit.code outer.mtr) $(header_field exit.code inner.mtr)" "6 6 6" "run within run records both"

# --- What it costs: the runner's own processor time while it watches ---
python3 - "$memtrace" <<'P' >cost
import resource, subprocess, sys
subprocess.run([sys.argv[1], "run", "-q", "-o", "cost.mtr", "--", "sleep", "3"], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(int((used.ru_utime + used.ru_stime) * 1000))
P
ok "watching for 3 s takes little ($(cat cost) ms of CPU, starting and ending included)" test "$(cat cost)" -lt 200
done_testing
