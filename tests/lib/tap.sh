# Assertions for shell tests, in the Test Anything Protocol. Sourced, never run:
#
#   . "$TESTS/lib/tap.sh"; plan 3
#   is GOT WANT "claim"             the two texts are equal
#   isnt GOT UNWANTED "claim"       they differ
#   like TEXT ERE "claim"           some line of TEXT matches the extended regular expression
#   unlike TEXT ERE "claim"         no line does
#   ok ["claim"] COMMAND [ARG...]   the command exits 0 (a first argument with a blank in it is the claim,
#   not_ok ["claim"] COMMAND ...    else the command is); not_ok: it does not exit 0
#   exits STATUS ["claim"] COMMAND  it exits with exactly this status
#   pass "claim"; fail "claim"      decided by the test itself
#   skip COUNT "reason"             COUNT claims that cannot be tried on this machine
#   skip_all "reason"               the whole file; before plan; ends the test
#   todo "reason" ... todo_end      claims between are expected to fail; they never fail the run
#   diag "text"                     a line for the reader of a failure, on stderr
#   note "text"                     one for the reader of all that was found (make check V=1)
#   done_testing                    in place of plan, as the last line
#   json_field NAME [<json]         one member of a JSON object; NAME may be a.b.0.c
#
# tests/lib/run_test starts each test in an empty directory of its own, with BUILD and TESTS set and every
# MEMTRACE_* variable unset. What `ok` and kin ran is left there in command.out.

tap_count=0
tap_failed=0
tap_planned=
tap_todo=
trap 'tap_end $?' EXIT

plan() {
    tap_planned=$1
    printf '1..%d\n' "$1"
}

done_testing() {
    plan "$tap_count"
}

todo() {
    tap_todo=" # TODO $1"
}

todo_end() {
    tap_todo=
}

diag() {
    printf '%s\n' "$*" | sed 's/^/# /' >&2
}

note() {
    printf '%s\n' "$*" | sed 's/^/# /'
}

pass() {
    tap_count=$((tap_count + 1))
    printf 'ok %d - %s%s\n' "$tap_count" "$1" "$tap_todo"
}

fail() {
    tap_count=$((tap_count + 1))
    printf 'not ok %d - %s%s\n' "$tap_count" "$1" "$tap_todo"
    if [ -z "$tap_todo" ]; then
        tap_failed=$((tap_failed + 1))
        diag "failed: $1"
    fi
    return 1
}

# The explanation of a failure; an expected one needs none on the terminal.
tap_explain() {
    [ -n "$tap_todo" ] || printf '%s\n' "$2" | sed "1s/^/#   $1/; 2,\$s/^/#           | /" | head -n 40 >&2
}

is() {
    if [ "$1" = "$2" ]; then
        pass "$3"
    else
        fail "$3"
        tap_explain '     got: ' "$1"
        tap_explain 'expected: ' "$2"
        return 1
    fi
}

isnt() {
    if [ "$1" != "$2" ]; then
        pass "$3"
    else
        fail "$3"
        tap_explain 'unwanted: ' "$1"
        return 1
    fi
}

like() {
    if printf '%s\n' "$1" | grep -Eq -- "$2"; then
        pass "$3"
    else
        fail "$3"
        tap_explain '     got: ' "$1"
        tap_explain ' pattern: ' "$2"
        return 1
    fi
}

unlike() {
    if printf '%s\n' "$1" | grep -Eq -- "$2"; then
        fail "$3"
        tap_explain '     got: ' "$1"
        tap_explain 'unwanted: ' "$2"
        return 1
    else
        pass "$3"
    fi
}

# Run a command for ok, not_ok and exits: claim in tap_claim, status in tap_status.
tap_run() {
    tap_claim=$*
    case $1 in *' '*)
        tap_claim=$1
        shift
        ;;
    esac
    "$@" >command.out 2>&1
    tap_status=$?
}

tap_judge() {
    if [ "$1" = yes ]; then
        pass "$tap_claim"
    else
        fail "$tap_claim"
        tap_explain '  status: ' "$tap_status, $2"
        tap_explain '  output: ' "$(cat command.out)"
        return 1
    fi
}

ok() {
    tap_run "$@"
    tap_judge "$([ "$tap_status" -eq 0 ] && echo yes)" "wanted 0"
}

not_ok() {
    tap_run "$@"
    tap_judge "$([ "$tap_status" -ne 0 ] && echo yes)" "wanted anything but 0"
}

exits() {
    tap_wanted=$1
    shift
    tap_run "$@"
    tap_judge "$([ "$tap_status" -eq "$tap_wanted" ] && echo yes)" "wanted $tap_wanted"
}

skip() {
    tap_left=$1
    while [ "$tap_left" -gt 0 ]; do
        tap_count=$((tap_count + 1))
        tap_left=$((tap_left - 1))
        printf 'ok %d # SKIP %s\n' "$tap_count" "$2"
    done
}

skip_all() {
    printf '1..0 # SKIP %s\n' "$1"
    trap - EXIT
    exit 0
}

# true, false and null as JSON spells them; objects and arrays as JSON; integers keep all 64 bits (jq 1.6
# would round them to doubles).
json_field() {
    python3 -c '
import json, sys
value = json.load(sys.stdin)
for part in sys.argv[1].split("."):
    value = value[int(part)] if isinstance(value, list) else value[part]
print(value if isinstance(value, str) else json.dumps(value))' "$1"
}

# A test that stops early, or counts otherwise than planned, has failed, whatever its claims said.
tap_end() {
    trap - EXIT
    if [ -z "$tap_planned" ]; then
        diag "the test ended (status $1) before plan or done_testing"
        exit 1
    fi
    if [ "$tap_count" -ne "$tap_planned" ]; then
        diag "planned $tap_planned claims, ran $tap_count (status $1)"
        exit 1
    fi
    [ "$tap_failed" -eq 0 ] || exit 1
    exit 0
}
