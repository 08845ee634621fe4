# Signal handlers that interrupt the recorder: nothing is lost, nothing is torn, nothing changes for the program.
# How many blocks there were is what the program counted itself.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
HOSTILE_PRELOAD=$BUILD/tests/programs/libreentrant_malloc.so
HOSTILE_LIMIT=2G
export SAID=$PWD/said
try() {
    hostile "$1" "$programs/hostile_signals" "$1"
    read_traces
}
blocks() {
    sed -n "s/^$1=//p" said
}
events() {
    cat dumps/*.dump | grep -Ec " malloc size=$1 "
}

for mode in storm static_stack mapped_stack local_stack; do
    try $mode
    is "$(events 803)" "$(blocks handler)" "$mode: every block of the handler"
    is "$(events 804)" "$(blocks main)" "$mode: every block of what it interrupted"
    is "$(said counter.0) $(said counter.2)" "0 0" "$mode: nothing lost, no lane taken for abandoned"
done
isnt "$(cat dumps/*.dump | grep -c ' lane_entry ')" 0 "the second lane was used"

try two_storms
# Each block is two events; a handler in a handler in the recorder finds no lane and is counted.
all=$((2 * ($(blocks handler) + $(blocks main) + $(blocks second))))
here=$(cat dumps/*.dump | awk '$3 == "malloc" && ($4 == "size=803" || $4 == "size=804" || $4 == "size=808") { n++ }
    END { print n }')
frees=$(awk '$3 == "malloc" && ($4 == "size=803" || $4 == "size=804" || $4 == "size=808") { live[$5 == "usable=1008" ? $6 : $5] = 1 }
    $3 == "free" && ($4 in live) { n++; delete live[$4] } END { print n }' dumps/*.dump)
is "$((here + frees + $(said counter.0)))" "$all" "two storms: every event is there or counted as lost"

for mode in jump jump_from_signal_stack; do
    try $mode
    counted=$(blocks main)
    recorded=$(events 804)
    jumps=$(blocks jumps)
    # A block whose malloc or free was left by the jump may be in the trace or not; the program counted neither.
    if [ "$recorded" -ge "$counted" ] && [ "$recorded" -le $((counted + jumps)) ]; then
        pass "$mode: every block that the program got"
    else
        fail "$mode: every block that the program got ($counted counted, $recorded recorded, $jumps jumps)"
    fi
    is "$(events 809)" "$(blocks second)" "$mode: every block behind a jump"
    is "$(said counter.0)" 0 "$mode: nothing lost"
    isnt "$(said counter.2)" 0 "$mode: lanes were abandoned and used again"
done

try storm_over_threads
is "$(events 803)" "$(blocks handler)" "storm over threads: every block of the handler"
is "$(events 804)" "$(blocks main)" "storm over threads: every block of the threads"
is "$(said counter.0)" 0 "storm over threads: nothing lost"

try cancel
is "$(said counter.0)" 0 "cancelled threads: nothing lost"
if [ "$(events 804)" -ge 800 ]; then pass "cancelled threads: the next thread's blocks"; else fail "next thread's blocks"; fi
done_testing
