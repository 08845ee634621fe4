# For tests that record and read back; source it after tap.sh.
memtrace=$BUILD/memtrace
programs=$BUILD/tests/programs

# record TRACE COMMAND...: run a command with the recorder. TRACE may hold %p and %n.
record() {
    record_trace=$1
    shift
    LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=$record_trace "$@"
}

# metric NAME TRACE
metric() {
    "$memtrace" metrics --format json "$2" | json_field "$1"
}

# readers_agree TRACE "claim": the reader written from docs/trace-format.md alone prints the same events.
readers_agree() {
    "$memtrace" dump "$1" >ours.dump 2>ours.err
    agree_ours=$?
    python3 "$TESTS/oracle/read_trace.py" dump "$1" >oracle.dump 2>oracle.err
    agree_oracle=$?
    if [ $agree_ours -ne 0 ] || [ $agree_oracle -ne 0 ]; then
        fail "$2"
        diag "memtrace dump: status $agree_ours $(head -c 300 ours.err)"
        diag "read_trace.py: status $agree_oracle $(tail -n 1 oracle.err)"
    elif [ ! -s ours.dump ]; then
        fail "$2 (neither prints an event)"
    elif cmp -s ours.dump oracle.dump; then
        pass "$2 ($(wc -l <ours.dump) lines)"
    else
        fail "$2"
        diag "the first line that differs (ours <, oracle >):"
        diff ours.dump oracle.dump | sed 4q | cut -c 1-300 | sed 's/^/# /' >&2
    fi
}
