# The recorder's stacks are libunwind's, in its traces and side by side in the program: the short form of
# `make check-stacks`. And the comparison can tell when they are not.
. "$TESTS/lib/tap.sh"
plan 8
agreement() {
    /usr/bin/python3 "$TESTS/preload/stack_agreement.py" "$@" >table 2>wrong
    status=$?
}
# sees CLAIM PATTERN: the comparison just made failed, for this reason.
sees() {
    if [ "$status" -eq 1 ] && grep -Eq "$2" wrong; then pass "$1"; else fail "$1"; cat table wrong >&2; fi
}

agreement --output agreement.csv
sed 's/^/# /' table
is "$status" 0 "no stack differs that nobody can explain" || tail -n 40 table wrong >&2
is "$(grep 'not built' table)" "" "what is built with other options could be built"
ok "at least 150,000 stacks were compared" [ "$(sed -n 's/^all,,\([0-9]*\),.*/\1/p' agreement.csv)" -ge 150000 ]

agreement --only unwind_alternate_rbp --damage
sees "a frame that is wrong in a trace is seen" 'recorded: 1 stacks differ'
for fault in rule give-up no-cfi; do
    UNWIND_COMPARE_MUTATE=$fault agreement --only 'unwind_random 1'
    sees "rules at fault are seen: $fault" 'live: [0-9]+ stacks differ'
done
UNWIND_COMPARE_MUTATE=top agreement --only 'unwind_random 2'
sees "reuse that looks at the innermost frame alone is seen" 'live: [0-9]+ stacks differ'
