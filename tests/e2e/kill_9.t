# kill -9 at random moments: every call that had returned is in the trace. KILLS: how often (make check-kill: 100).
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
kills=${KILLS:-20}
plan 4

# A run that is not killed first: the comparison itself must find every call of it, and nothing else.
record whole.mtr "$programs/threads_kill" whole.counts 5000
"$memtrace" dump whole.mtr >whole.dump
is "$(python3 "$TESTS/e2e/kill_9.py" whole.counts whole.dump 2>&1 | cut -d' ' -f2)" 0 \
    "a run to the end: the trace has exactly the calls that the program counted"
# And it must be able to fail: take one event out.
awk '!taken && / malloc size=1[0-9][0-9][0-9][0-9] / { taken = 1; next } { print }' whole.dump >short.dump
not_ok "the comparison notices one missing event" python3 "$TESTS/e2e/kill_9.py" whole.counts short.dump

kill_once() {
    rm -f counts killed.mtr
    # The delay, 1 to 300 ms, from /dev/urandom: dash has no RANDOM.
    delay=$(od -An -N2 -tu2 /dev/urandom | awk '{ printf "%.3f", ($1 % 300 + 1) / 1000 }')
    # Not by record: in the background a function is a shell of its own, and $! would be that shell.
    LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=killed.mtr "$programs/threads_kill" counts &
    victim=$!
    sleep "$delay"
    kill -9 "$victim"
    wait "$victim" 2>/dev/null
    if [ ! -s killed.mtr ]; then
        # Killed before its first allocation: then it had not counted any.
        [ ! -f counts ] || [ -z "$(od -An -v -tx8 counts | tr -d ' 0\n')" ]
        return
    fi
    touch counts
    "$memtrace" dump killed.mtr >killed.dump || return 1
    python3 "$TESTS/e2e/kill_9.py" counts killed.dump >verdict || return 1
    read -r calls in_flight <verdict
    checked_calls=$((checked_calls + calls))
}

checked_calls=0
lost=0
number=0
while [ "$number" -lt "$kills" ]; do
    number=$((number + 1))
    if ! kill_once 2>>errors; then
        lost=$((lost + 1))
        diag "kill $number after $delay s: $(tail -n 1 errors)"
    fi
done
is "$lost" 0 "every returned call is in the trace, $kills kills, $checked_calls calls"
ok "the kills came while it worked" [ "$checked_calls" -gt $((kills * 100)) ]
