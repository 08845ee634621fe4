# For tests of the recorder on programs that make its life hard; source it after tap.sh.
programs=$BUILD/tests/programs
recorder=$BUILD/libmemtrace.so

# hostile_run NAME [VARIABLE=VALUE...] COMMAND...: into NAME.out, NAME.err, NAME.status. What the shell itself says
# of one that ends by a signal goes into none of them.
hostile_run() {
    hostile_name=$1
    shift
    {
        timeout -k 5 "${HOSTILE_SECONDS:-60}" env "$@" >"$hostile_name.out" 2>"$hostile_name.err" </dev/null
        echo $? >"$hostile_name.status"
    } 2>>shell.err
}

# hostile "claim" COMMAND...: run it plain and recorded (traces/%n.%p.mtr), each at most HOSTILE_SECONDS; stdout,
# stderr and status must be equal. HOSTILE_PRELOAD: a library for both runs. One claim. The recorded run's are
# left in recorded.*, the traces in traces/.
hostile() {
    hostile_claim=$1
    shift
    rm -rf traces dumps
    mkdir traces
    hostile_run plain ${HOSTILE_PRELOAD:+LD_PRELOAD="$HOSTILE_PRELOAD"} "$@"
    hostile_run recorded LD_PRELOAD="$recorder${HOSTILE_PRELOAD:+:$HOSTILE_PRELOAD}" \
        MEMTRACE_OUTPUT="$PWD/traces/%n.%p.mtr" MEMTRACE_LIMIT="${HOSTILE_LIMIT:-256M}" "$@"
    hostile_judge
}

# The second half, for tests that run the two themselves.
hostile_judge() {
    case $(cat plain.status) in
    97 | 12[4567])
        fail "$hostile_claim: the program itself cannot be run"
        return
        ;;
    esac
    if cmp -s plain.out recorded.out && cmp -s plain.err recorded.err && cmp -s plain.status recorded.status; then
        pass "$hostile_claim: as without the recorder"
    else
        fail "$hostile_claim: as without the recorder"
        diag "status $(cat plain.status) plain, $(cat recorded.status) recorded"
        diff plain.out recorded.out | head -n 6 | diag "$(cat)"
        diff plain.err recorded.err | head -n 6 | diag "$(cat)"
    fi
}

# What the reader written from docs/trace-format.md says of every trace: dumps/NAME.dump, dumps/NAME.header.
read_traces() {
    mkdir -p dumps
    for trace in traces/*.mtr; do
        [ -e "$trace" ] || continue
        name=$(basename "$trace" .mtr)
        [ -e "dumps/$name.dump" ] && continue
        chmod u+r "$trace"
        python3 "$TESTS/oracle/read_trace.py" dump "$trace" >"dumps/$name.dump" 2>>dumps/errors ||
            diag "$trace cannot be read: $(tail -n 1 dumps/errors)"
        python3 "$TESTS/oracle/read_trace.py" header "$trace" >"dumps/$name.header" 2>>dumps/errors
    done
}

# counted ERE COUNT "claim": lines of all dumps together that match.
counted() {
    read_traces
    is "$(cat dumps/*.dump 2>/dev/null | grep -Ec -- "$1")" "$2" "$3"
}

# said FIELD [NAME]: a field of the header of the only trace, or of the one whose name begins with NAME.
said() {
    read_traces
    cat dumps/"${2:-}"*.header 2>/dev/null | sed -n "s/^$1=//p"
}

# cut "claim": no trace is larger than its last chunk.
all_cut() {
    read_traces
    for header in dumps/*.header; do
        name=$(basename "$header" .header)
        [ "$(stat -c %s "traces/$name.mtr")" -eq "$(sed -n 's/^next=//p' "$header")" ] ||
            { fail "$1"; diag "$name.mtr: $(stat -c %s "traces/$name.mtr") bytes"; return; }
    done
    pass "$1"
}
