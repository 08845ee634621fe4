# Programs that put up a sandbox live on in it, and their traces say why recording stopped, if it had to.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
sandbox=4 # TRACE_STOP_SANDBOX
try() {
    hostile "$1" "$programs/hostile_sandbox" "$1"
}
# some "claim": some of the 20,000 blocks behind the filter are in the trace, not all.
some() {
    read_traces
    number=$(cat dumps/*.dump | grep -Ec ' malloc size=777 ')
    if [ "$number" -gt 100 ] && [ "$number" -lt 20000 ]; then pass "$1"; else fail "$1 ($number)"; fi
}

for mode in kill_all_but_own kill_through_syscall two_filters; do
    try $mode
    is "$(said stop_reason)" $sandbox "$mode: recording stopped because of the sandbox"
    some "$mode: the chunk at hand was filled"
    is "$(said exit.kind)" 1 "$mode: the exit record needs no system call"
done
try refuse_mremap
is "$(said stop_reason)" $sandbox "one of the three refused: recording stopped because of the sandbox"
all_cut "and the file was cut at exit, which is allowed"

for mode in kill_all_but_the_three steady; do
    try $mode
    is "$(said stop_reason)" 0 "$mode: the three are enough"
    counted ' malloc size=777 ' 20000 "$mode: everything is recorded"
    is "$(said exit.kind)" 1 "$mode: exit is recorded"
done
for mode in allow_all refused; do
    try $mode
    is "$(said stop_reason)" 0 "$mode: recording does not stop"
    counted ' malloc size=777 ' 20000 "$mode: everything is recorded"
    all_cut "$mode: the file was cut"
done

try strict
is "$(said stop_reason)" $sandbox "strict mode: stopped because of the sandbox"
counted ' malloc size=777 ' 1 "strict mode: at once"
try no_time_stamps
is "$(said stop_reason)" $sandbox "no time stamp counter: stopped because of the sandbox"
counted ' malloc size=777 ' 0 "no time stamp counter: at once"
try user_dispatch
is "$(said stop_reason)" $sandbox "dispatched system calls: stopped because of the sandbox"
try thread_behind
counted ' malloc size=777 ' 20000 "a thread born behind a filter that kills gettid is recorded"

try fork_child
is "$(ls traces | wc -l)" 2 "a fork child has opened its trace before its filter went up"
is "$(said stop_reason | sort | tr '\n' ' ')" "0 $sandbox " "its recording stopped, the parent's went on"
try fork_behind
counted ' malloc size=778 ' 0 "a child that may not open files is not recorded"
counted ' malloc size=777 ' 20000 "its parent is"
try vfork_child
counted ' malloc size=777 ' 20000 "strict mode of a vfork child is not the parent's"
is "$(said stop_reason)" 0 "nor does it stop its recording"
try clone_with_stack
counted ' malloc size=779 ' 100 "a child of syscall(SYS_clone), with a stack of its own, is recorded"

try inherited
counted ' malloc size=777 ' 20000 "behind an inherited filter everything is recorded"
is "$(said flags | sort | tr '\n' ' ')" "0 1 " "the header tells that there was one"
is "$(cat dumps/*.dump | grep -c 'reason=running')" 0 "no samples are taken behind it"
all_cut "and the file was cut at exit: init has made the same calls"
done_testing
