# `memtrace run` compresses what is finished while the program runs: nothing is lost, whoever is killed when, and the
# disk's bound holds.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"

form() { # TRACE
    case $(head -c 8 "$1") in memtracz) echo compact ;; memtrace) echo raw ;; *) echo none ;; esac
}

# --- One program: one compact file under the trace's name, with everything in it ---
"$memtrace" run -o a.mtr -- "$programs/ten_million" 600000 >said 2>err
is "$(cat err)" "memtrace: recorded; see: memtrace report a.mtr" "one line, as without compression"
is "$(ls a.mtr*) $(form a.mtr) $(stat -c %a a.mtr)" "a.mtr compact 400" "one file, compact, read-only"
is "$(metric allocations a.mtr) $(metric frees a.mtr)" "$(sed 's/^allocations=\([0-9]*\) frees=\([0-9]*\) .*/\1 \2/' said)" \
    "every call that the program says it made"
is "$(metric complete a.mtr) $(metric exit_kind a.mtr)" "true exit" "complete"
readers_agree a.mtr "both readers read it alike"
like "$("$memtrace" dump a.mtr | grep -c 'sample reason=outside')" '^[1-9]' "with samples from outside"
"$memtrace" run -q --raw -o r.mtr -- "$programs/ten_million" 1000 >/dev/null
is "$(form r.mtr)" raw "--raw leaves it raw"
"$memtrace" run -q -o killed.mtr -- "$programs/ends" signal 9
is "$? $(form killed.mtr) $(metric exit_kind killed.mtr)" "137 compact signal" "of a killed program, too"
readers_agree killed.mtr "both readers read that alike"

# --- A tree of processes; one of them outlives the run ---
mkdir tree && cd tree
"$memtrace" run -q -o '%n.%p.mtr' -- "$programs/fork_tree" >/dev/null
count=0
for trace in *.mtr; do
    [ "$(form "$trace")" = compact ] && count=$((count + 1))
done
is "$(ls | wc -l)" "$count" "each process of a tree has one compact file ($count)"
ok "and there are several" [ "$count" -ge 5 ]
rm -f ./*
"$memtrace" run -o '%n.%p.mtr' -- sh -c "'$programs/signal_log' >log & while ! grep -q ready log; do sleep 0.1; done" 2>err
running=$(ls signal_log.*.mtr)
is "$(form "$running")" raw "what outlives the run stays in the raw form"
kill -s RTMIN "$(sed -n 's/ready //p' log)"
for _ in $(seq 100); do
    "$memtrace" compact "$running" 2>/dev/null && break
    sleep 0.1
done
is "$(form "$running")" compact "memtrace compact does it when that has ended"
cd ..

# --- Read while it runs: what was compressed before and what was not ---
mkfifo go
"$memtrace" run -q -o busy.mtr -- sh -c "'$programs/ten_million' 600000 >/dev/null; read line <go" &
runner=$!
for _ in $(seq 200); do
    [ -s busy.1.mtr.compact ] && [ "$("$memtrace" metrics --format json busy.1.mtr | json_field exit_kind)" = exit ] && break
    [ "$(form busy.1.mtr 2>/dev/null)" = compact ] && break
    sleep 0.05
done
is "$(metric events_lost busy.1.mtr) $(metric allocations busy.1.mtr)" "0 600000" "a finished child of a running program is read"
echo >go
wait $runner
is "$(form busy.mtr) $(form busy.1.mtr)" "compact compact" "both are compact at the end"

# --- The bound on the disk ---
"$memtrace" run -o bound.mtr --disk 12M -- "$programs/ten_million" 4000000 >said 2>err
is "$?" 0 "the program goes on when the bound is reached"
like "$(cat said)" "^allocations=4000000 " "to its end"
like "$(cat err)" "^memtrace: recording stopped when the traces took 12582912 bytes on the disk" "it is said"
is "$(metric stopped_because bound.mtr) $(metric exit_kind bound.mtr)" "limit exit" "the trace says so"
ok "something was recorded before ($(metric events bound.mtr) events)" [ "$(metric events bound.mtr)" -gt 100000 ]
ok "and it takes not much more ($(du -k bound.mtr | cut -f 1) KiB)" [ "$(du -k bound.mtr | cut -f 1)" -le 15360 ]
# The largest that the two files ever were: read every 20 ms, beside a program that would fill 80 MB raw. A quarter
# more is allowed for: where the machine is busy the runner may look late.
rm -f bound.mtr
"$memtrace" run -q -o bound.mtr --disk 24M -- "$programs/pair" 3000000 20 >/dev/null 2>&1 &
runner=$!
most=0
while kill -0 $runner 2>/dev/null; do
    now=$(du -kc bound.mtr bound.mtr.compact 2>/dev/null | tail -n 1 | cut -f 1)
    [ "$now" -gt "$most" ] && most=$now
    sleep 0.02
done
wait $runner
ok "both files together never took much more than the bound ($most KiB)" [ "$most" -le 30720 ]
ok "but something ($most KiB)" [ "$most" -gt 1024 ]

# --- Options ---
exits 125 "--disk with --raw" "$memtrace" run --raw --disk 1G -- true
exits 125 "--disk too small" "$memtrace" run --disk 1M -- true

# --- A name that is taken, a disk that is full for the compact form alone ---
echo mine >taken.mtr.compact
"$memtrace" run -o taken.mtr -- "$programs/linked_list" >/dev/null 2>err
is "$? $(cat taken.mtr.compact) $(form taken.mtr)" "0 mine raw" "what has the compact form's name is not touched"
like "$(cat err)" "a trace stays uncompressed \('.*taken.mtr': its compact form cannot be made: File exists\)" "and the reason is said"
ok "the raw form is read" "$memtrace" metrics taken.mtr

sh -c "ulimit -v 4000000; exec '$memtrace' run -o tight.mtr -- '$programs/ends' exit 5" 2>err
is "$? $(form tight.mtr)" "5 raw" "where memory is limited nothing is compressed: the status comes first"
like "$(cat err)" "a trace stays uncompressed \(memory is limited" "and the reason is said"

# --- kill -9 of the runner, at random moments ---
python3 "$TESTS/e2e/run_compact_kill.py" "$memtrace" "$programs/ten_million" 400000 "${KILLS:-6}" >kills
ok "nothing is lost when memtrace run is killed (KILLS=${KILLS:-6})" test $? -eq 0
note "$(cat kills)"
unlike "$(cat kills)" LOST "no call is missing in any reading"
done_testing
