# `memtrace run` ends as the program ended, and the trace says how.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
ends=$programs/ends

# Every exit status.
for code in $(seq 0 255); do
    "$memtrace" run -q -o code.mtr -- "$ends" exit "$code"
    echo "$?"
    rm -f code.mtr
done >got
is "$(cat got)" "$(seq 0 255)" "returns every exit status, 0 to 255"

# header_field NAME TRACE, from the independent reader.
header_field() {
    python3 "$TESTS/oracle/read_trace.py" header "$2" | sed -n "s/^$1=//p"
}
# ended CLAIM STATUS KIND CODE ARGUMENT...: run `ends ARGUMENT...`; 1 exit, 2 _exit, 3 quick_exit, 4 abort, 5 signal.
ended() {
    ended_claim=$1 ended_want="$2 $3 $4"
    shift 4
    rm -f trace.mtr
    "$memtrace" run -q --raw -o trace.mtr -- "$ends" "$@" 2>err
    ended_status=$?
    is "$ended_status $(header_field exit.kind trace.mtr) $(header_field exit.code trace.mtr)$(cat err)" "$ended_want" "$ended_claim"
    is "$(stat -c %a trace.mtr) $(header_field next trace.mtr)" "400 $(stat -c %s trace.mtr)" "$ended_claim: the trace is read-only and ends where its last chunk ends"
}
ended "exit" 7 1 7 exit 7
ended "exit with a status beyond 8 bits" 1 1 257 exit 257
ended "_exit" 8 2 8 _exit 8
ended "quick_exit" 9 3 9 quick_exit 9
ended "exit_group past every hook" 10 2 10 raw 10
ended "abort" 134 4 "$(header_field exit.code trace.mtr >/dev/null; echo 6)" abort
# Every signal whose default is to end the process.
for signal in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 29 30 31 34 64; do
    ended "signal $signal" $((128 + signal)) 5 "$signal" signal "$signal"
done

# The recorded end is the end: the program's clock stands still at it.
ok "the end is not before the start" test "$(header_field exit.monotonic_ns trace.mtr)" -gt "$(header_field start_monotonic_ns trace.mtr)"

# What is not started.
exits 127 "a program that is nowhere: 127" "$memtrace" run -- no-such-program
is "$(cat command.out)" "memtrace: cannot run 'no-such-program': it is nowhere along PATH" "and one line"
exits 127 "a path that does not exist: 127" "$memtrace" run -- ./no-such-program
is "$(cat command.out)" "memtrace: cannot run './no-such-program': No such file or directory" "and one line"
exits 126 "a directory: 126" "$memtrace" run -- /
is "$(cat command.out)" "memtrace: cannot run '/': Permission denied" "and one line"
: >not-executable
exits 126 "a file without permission to execute: 126" "$memtrace" run -- ./not-executable
printf '#!/no/such/interpreter\n' >orphan
chmod 755 orphan
exits 127 "a script whose interpreter does not exist: 127" "$memtrace" run -- ./orphan
is "$(cat command.out)" "memtrace: cannot run './orphan': the interpreter that it names does not exist" "and one line"
for wrong in "" "--no-such-option true" "--depth 0 true" "--depth 4097 true" "--depth x true" "--limit 100 true" \
    "--sample 1025G true" "--sample half true" \
    "--unwinder magic true" "-o"; do
    # shellcheck disable=SC2086
    exits 125 "wrong usage 'run $wrong': 125" "$memtrace" run $wrong
    is "$(wc -l <command.out)" 1 "and one line"
done
exits 0 "prints its help" "$memtrace" run --help
exits 125 "without descriptors to be had: 125" sh -c 'ulimit -n 4; exec "$@" 3>&-' - "$memtrace" run -- true
is "$(cat command.out)" "memtrace: cannot start 'true': Too many open files" "and one line"
done_testing
