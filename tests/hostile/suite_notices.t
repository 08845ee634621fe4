# The suite itself: what differs is said to differ.
. "$TESTS/lib/tap.sh"; plan 4
# suite NAME VARIABLE=VALUE...: run it for the case by_return, into NAME.out and NAME.err.
suite() {
    name=$1
    shift
    mkdir "$name"
    (cd "$name" && env HOSTILE_REPEATS=2 HOSTILE_CASES='^by_return$' "$@" python3 "$TESTS/hostile/suite.py" ends) \
        >"$name.out" 2>"$name.err"
}
ok "the recorder passes" suite ours
# A library that prints a line at the end of the process.
not_ok "a preloaded library that prints does not" suite prints HOSTILE_RECORDER="$BUILD/tests/programs/libhostile_ends.so"
like "$(cat prints.out)" '^not ok 1 - by_return' "the case is named"
like "$(cat prints.err)" "2 of 2 times: stdout line 1: b'' plain, b\"library's end: as it was\" recorded" "and the first difference"
