# Fork children, at whatever moment and by whatever call they came to be.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
try() {
    hostile "$1" "$programs/hostile_fork" "$1"
}
traces() {
    ls traces | wc -l
}
try threads
counted ' malloc size=801 ' 4500 "threads: every child recorded all of its blocks"
is "$(traces)" 46 "threads: 45 children and their parent"
is "$(said depth_limit | sort -u)" 512 "threads: a child has its parent's depth limit"
parent=$(grep -l '^flags=0' dumps/*.header)
is "$(grep -h '^origin.run_id' dumps/*.header | sort | uniq -c | sort -n | tail -n 1 | sed 's/.*=//')" \
    "$(sed -n 's/^run_id=//p' "$parent")" "threads: children name their parent's run"
is "$(grep -c ' fork pid=' "${parent%.header}.dump")" 45 "threads: the parent's trace has every fork"

HOSTILE_PRELOAD=$BUILD/tests/programs/libreentrant_malloc.so
for mode in handler handler_async_safe; do
    try $mode
    counted ' malloc size=801 ' 6000 "$mode: every child went on in what was interrupted, and recorded"
    is "$(said stop_reason | sort -u)" 0 "$mode: none stopped"
done
HOSTILE_PRELOAD=
try at_fork
counted ' malloc size=833 ' 100 "at_fork: what pthread_atfork's function allocates in the child"
counted ' malloc size=832 ' 20 "at_fork: and in the parent"
counted ' malloc size=801 ' 1000 "at_fork: and the children themselves"
try raw_fork
counted ' malloc size=801 ' 1000 "raw_fork: children by system call are noticed"
try clone_child
counted ' malloc size=801 ' 200 "clone_child: own memory or shared, both are recorded"
counted ' malloc size=777 ' 20000 "clone_child: the parent went on"
is "$(said exit.kind "$(basename "$(grep -l 'size=777' dumps/*.dump)" .dump)")" 1 "clone_child: and ended by its own exit"
try vfork_exit
counted ' malloc size=777 ' 20000 "vfork_exit: the parent went on"
is "$(traces)" 1 "vfork_exit: one trace"
is "$(said exit.kind)" 1 "vfork_exit: it ended by its own exit"
try spawn
counted ' malloc size=801 ' 500 "spawn: every image recorded"
try generations
counted ' malloc size=801 ' 500 "generations: five descendants"
is "$(said exit.kind | sort -u)" 1 "generations: all ended by exit"
all_cut "generations: all are cut"
try quiet_child
is "$(traces)" 1 "quiet_child: children without an event have no trace"
done_testing
