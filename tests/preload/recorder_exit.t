# Every way in which a process ends: nothing changes for it, nothing committed is lost, the header says how.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
# ends MODE KIND CODE: enum trace_exit_kind and the status.
ends() {
    hostile "$1" "$programs/hostile_exit" "$1"
    counted ' malloc size=777 ' "${4:-20000}" "$1: every block"
    is "$(said exit.kind) $(said exit.code)" "$2 $3" "$1: kind and code"
}
cut_too() {
    all_cut "$1: the file was cut"
}
ends by_return 1 11
cut_too by_return
is "$(cat dumps/*.dump | grep -c ' mark kind=main ')" 1 "by_return: main is marked"
ends by_exit 1 12
isnt "$(said exit.stack_pointer)" 0 "by_exit: the caller's stack pointer"
ends with_handlers 1 13
counted ' malloc size=840 ' 10 "with_handlers: the handler's blocks"
cut_too with_handlers
ends by_quick_exit 3 14
counted ' malloc size=840 ' 10 "by_quick_exit: the handler's blocks"
cut_too by_quick_exit
ends by__exit 2 15
cut_too by__exit
ends by__Exit 2 16
ends by_system_call 0 0
ends by_abort 4 6
ends abort_survived 1 18 40000
is "$(said stop_reason)" 0 "abort_survived: recording went on"
ends killed 0 0
ends by_trap 0 0
ends stack_overflow 0 0
is "$(said counter.0)" 0 "stack_overflow: nothing lost"
ends stack_overflow_caught 2 19
counted ' malloc size=841 ' 10 "stack_overflow_caught: the handler's blocks, on its stack"
ends from_thread 1 21
counted ' malloc size=844 ' 100 "from_thread: the thread's blocks"
ends main_thread_first 1 0
counted ' malloc size=845 ' 20000 "main_thread_first: the last thread's blocks"
ends in_handler 1 22

# exit() beside threads that allocate, again and again.
HOSTILE_LIMIT=64M
bad=0
for _ in $(seq 30); do
    (hostile "beside threads" "$programs/hostile_exit" beside_threads) >claim
    grep -q '^ok' claim || bad=$((bad + 1))
    read_traces
    [ "$(grep -c ' malloc size=843 ' dumps/*.dump)" = 2000 ] || bad=$((bad + 1))
    [ "$(said exit.kind) $(said exit.code) $(said counter.0)" = "1 20 0" ] || bad=$((bad + 1))
    [ ! -s dumps/errors ] || bad=$((bad + 1))
done
is "$bad" 0 "exit beside threads that allocate: 30 times no crash, readable, complete"
done_testing
