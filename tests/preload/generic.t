# The recorder with nothing of its own for any machine (preload/arch/generic), on this one: stacks by libunwind, times by
# CLOCK_MONOTONIC, sandboxes unseen; all else as ever.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
recorder=$BUILD/generic/libmemtrace.so

ok "it builds" env -u MAKEFLAGS -u MAKELEVEL make -C "$TESTS/.." ARCH=generic BUILD="$BUILD/generic" "$recorder"
is "$(readelf -d "$recorder" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')" libc.so.6 "it needs the C library alone"

generic() {
    trace=$1
    shift
    LD_PRELOAD=$recorder MEMTRACE_OUTPUT=$trace "$@" >said
}
for name in linked_list aligned failing realloc_chain; do
    generic $name.mtr "$programs/$name"
    "$memtrace" metrics --format json $name.mtr >metrics
    is "allocations=$(json_field allocations <metrics) frees=$(json_field frees <metrics) allocated_bytes=$(
        json_field allocated_bytes <metrics) failed=$(json_field failed_allocations <metrics)" "$(cat said)" \
        "$name: counted as it counted itself"
done
readers_agree linked_list.mtr "both readers print the same"
header=$(python3 "$TESTS/oracle/read_trace.py" header linked_list.mtr)
like "$header" '^clock_kind=2$' "the header says the clock"
is "$(printf '%s\n' "$header" | sed -n 's/^machine=//p')" \
    "$(readelf -h "$recorder" | sed -n 's/.*Machine: *Advanced Micro Devices X86-64/62/p; s/.*Machine: *AArch64/183/p')" \
    "... and the machine, as its own ELF header does"
if printf '%s\n' "$header" | grep -q '^unwinder=2$'; then
    like "$("$memtrace" flame --value allocations linked_list.mtr)" \
        '^_start;.*;main;list_build;node_new;counted_malloc [0-9]+$' "stacks lead from _start to the allocation"
else
    skip 1 "no libunwind"
fi
generic threads.mtr "$programs/hostile_threads" sixty_four
is "$("$memtrace" dump threads.mtr | grep -c ' malloc size=807 ')" 128000 "64 threads: every block"
is "$(metric frees_of_unknown_blocks threads.mtr) $(metric events_lost threads.mtr)" "0 0" "... in order"
mkdir ours theirs
LD_PRELOAD=$recorder MEMTRACE_OUTPUT=$PWD/ours/%n.%p.mtr "$programs/fork_tree"
record "$PWD/theirs/%n.%p.mtr" "$programs/fork_tree"
each() {
    for trace in "$1"/*.mtr; do echo "$(metric allocations "$trace") $(metric frees "$trace")"; done | sort
}
is "$(each ours)" "$(each theirs)" "each image of a process tree has its trace, and the same in it"
done_testing
