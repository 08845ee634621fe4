# A killed program leaves a trace with its cap as apparent size; the first command that reads it cuts it, but never
# under a process that still records.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
plan 5
case $(stat -f -c %T .) in
overlayfs | nfs | fuseblk) skip 5 "this file system cannot tell who has a file open"; exit ;;
esac

# Not by record: in the background a function is a shell of its own, and $! would be that shell.
LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=busy.mtr "$programs/threads_kill" counts &
victim=$!
waited=0
while [ ! -s busy.mtr ] && [ $((waited += 1)) -lt 500 ]; do sleep 0.01; done
sleep 0.03
apparent=$(stat -c %s busy.mtr)
"$memtrace" metrics busy.mtr >while_busy
is "$(stat -c %s busy.mtr)" "$apparent" "a trace that is being written keeps its size"
ok "and its process lives on" kill -0 "$victim"
kill -9 "$victim"
wait "$victim" 2>/dev/null
python3 "$TESTS/oracle/read_trace.py" counts busy.mtr >before
is "$(stat -c %s busy.mtr)" "$apparent" "and after a kill, until memtrace reads it"
"$memtrace" metrics busy.mtr >when_dead
ok "then it is cut to what it holds" [ "$(stat -c %s busy.mtr)" -le $(($(stat -c %b busy.mtr) * 512 + 33554432)) ]
python3 "$TESTS/oracle/read_trace.py" counts busy.mtr >after
ok "and every record is still there" cmp before after
