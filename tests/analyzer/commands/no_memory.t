# Whichever allocation fails, a command does its work or ends with one line and status 2: no crash, no silence,
# no figure from half a model.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
library=$BUILD/tests/programs/libfail_allocation.so

# A synthetic trace: its modules are not on this machine, so no debug information is read. libdw 0.188 crashes
# when it has no memory (in dwarf_attr, for one), and there is no cure for that here.
python3 "$TESTS/oracle/make_trace.py" --seed 7 --events 1500 --threads 2 --with-modules --with-realloc made.mtr
# What must be the same with and without names of functions.
figures() {
    grep -oE '"(blocks|bytes|time_ns|live_bytes|allocations|frees|peak_live_bytes|leaked_bytes)": [0-9]+' "$1"
}

is_one_line() {
    { read -r line && ! read -r rest; } <"$1" && case $line in "memtrace: "*memory*) : ;; *) false ;; esac
}

for command in leaks metrics timeline sizes; do
    LD_PRELOAD=$library FAIL_ALLOCATION_COUNT=count "$memtrace" $command --format json made.mtr >whole.json
    count=$(cat count)
    figures whole.json >wanted
    bad=
    refused=0
    # Each of the first 150, then ever larger steps.
    for number in $(seq 1 150) $(awk -v n="$count" 'BEGIN { for (i = 151; i <= n; i += 1 + int(i / 30)) print i }'); do
        LD_PRELOAD=$library FAIL_ALLOCATION=$number "$memtrace" $command --format json made.mtr >some.json 2>err
        status=$?
        case $status in
        0) cmp -s some.json whole.json || figures some.json | cmp -s - wanted || bad="$bad $number:figures" ;;
        2)
            refused=$((refused + 1))
            is_one_line err || bad="$bad $number:$(tr '\n' '|' <err)"
            ;;
        *) bad="$bad $number:status-$status" ;;
        esac
    done
    is "$bad" "" "$command: each failing one of $count allocations is survived or told"
    ok "$command: some were told" test $refused -gt 20
done
done_testing
