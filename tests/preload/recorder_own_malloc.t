# An executable that defines malloc keeps it, behaves as without the recorder, and is said not to be recorded.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
plan 4
hostile "an allocator that makes system calls while it initialises itself" "$programs/hostile_own_malloc"
is "$(cat plain.status)" 7 "which runs to its end by itself"
is "$(ls traces)" "$(ls traces | grep -v hostile_own_malloc)" "it leaves no trace"
MEMTRACE_VERBOSE=1 LD_PRELOAD=$recorder "$programs/hostile_own_malloc" >/dev/null 2>said
like "$(cat said)" 'untraced [0-9]+ the executable defines malloc itself' "and the recorder says why, when asked"
