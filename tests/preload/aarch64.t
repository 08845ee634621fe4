# The recorder built for aarch64: the same names as here, nothing needed but the C library. Under qemu, which accepts
# advice that it does not know, programs run untraced and unchanged; with these system calls emulated
# (tests/lib/emulated_syscalls.h) everything but fork is recorded. make deps-cross installs what it takes.
. "$TESTS/lib/tap.sh"
command -v aarch64-linux-gnu-gcc >where || skip_all "no aarch64-linux-gnu-gcc (make deps-cross)"
. "$TESTS/lib/record.sh"
recorder=$BUILD/aarch64/libmemtrace.so
programs=$BUILD/aarch64/tests/programs
root=/usr/aarch64-linux-gnu

ok "it builds" env -u MAKEFLAGS -u MAKELEVEL make -C "$TESTS/.." cross BUILD="$BUILD"

exported() {
    readelf --dyn-syms -W "$1" | awk '$7 != "UND" && $5 != "LOCAL" && $6 == "DEFAULT" { sub(/@.*/, "", $8); print $8 }' | sort
}
like "$(readelf -h "$recorder")" 'Machine: +AArch64$' "for aarch64"
is "$(exported "$recorder")" "$(exported "$BUILD/libmemtrace.so")" "it exports what the one for this machine does"
ok "... malloc among it" sh -c "readelf --dyn-syms -W '$recorder' | grep -q ' malloc\$'"
is "$(readelf -d "$recorder" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')" libc.so.6 "it needs the C library alone"
like "$(readelf -d "$recorder")" 'FLAGS_1.*NOW.*NODELETE' "bound at start, never unloaded"
is "$(readelf -lW "$recorder" | awk '$1 == "LOAD" && $NF != "0x10000"')" "" "its segments suit pages of 64 KiB"

emulator=$(command -v qemu-aarch64-static || command -v qemu-aarch64)
if [ -z "$emulator" ]; then
    note "no qemu-aarch64 (make deps-cross): it was built and not run"
    done_testing
    exit 0
fi
ok "the walk by frame records is libgcc's there" "$emulator" -L "$root" "$programs/frame_pointers"
source=$(cd "$TESTS/.." && pwd)
ok "... it builds with signed return addresses" aarch64-linux-gnu-gcc -std=gnu11 -O1 -D_GNU_SOURCE -mbranch-protection=standard \
    -fno-omit-frame-pointer -fno-optimize-sibling-calls -fasynchronous-unwind-tables -pthread -I"$source/preload/include" \
    -I"$source/preload" -I"$source/preload/arch/aarch64" -I"$source/preload/arch/generic" \
    "$source/tests/programs/frame_pointers.c" -o signed
ok "... and takes the signatures off" "$emulator" -L "$root" ./signed
for name in linked_list fork_tree; do
    "$emulator" -L "$root" "$programs/$name" >plain.out 2>plain.err
    plain=$?
    "$emulator" -L "$root" -E LD_PRELOAD="$recorder" "$programs/$name" >traced.out 2>traced.err
    is "$? $(sed 's/[0-9]\{4,\}/PID/g' traced.out traced.err)" \
        "$plain $(sed 's/[0-9]\{4,\}/PID/g' plain.out plain.err)" "$name: the same with the recorder preloaded"
done
# Later versions of qemu may get it right; then there is a trace.
"$emulator" -L "$root" -E LD_PRELOAD="$recorder" -E MEMTRACE_VERBOSE=1 "$programs/linked_list" >said 2>reason
if ls ./*.mtr >traces 2>&1; then
    is "$(metric allocations ./*linked_list*.mtr)" "$(sed -n 's/^allocations=\([0-9]*\).*/\1/p' said)" \
        "recorded, and every allocation counted"
else
    like "$(cat reason)" "^memtrace: untraced [0-9]+ the kernel accepts any advice" "... which says why it does not record"
fi

# emulated TRACE PROGRAM [ARG...]: recorded, with the system calls that qemu lacks; $library: preloaded as well.
emulated() {
    trace=$1
    shift
    "$emulator" -L "$root" -E LD_PRELOAD="$BUILD/aarch64/emulated/libmemtrace.so${library:+:$library}" \
        -E MEMTRACE_OUTPUT="$trace" "$@" >said
}
for name in linked_list aligned failing realloc_chain; do
    emulated $name.mtr "$programs/$name"
    "$memtrace" metrics --format json $name.mtr >metrics
    is "allocations=$(json_field allocations <metrics) frees=$(json_field frees <metrics) allocated_bytes=$(
        json_field allocated_bytes <metrics) failed=$(json_field failed_allocations <metrics)" "$(cat said)" \
        "$name: counted as it counted itself"
done
like "$("$memtrace" flame --value allocations linked_list.mtr)" \
    '^_start;[^;]*;[^;]*;main;list_build;node_new;counted_malloc [0-9]+$' "stacks lead from _start to the allocation"
header=$(python3 "$TESTS/oracle/read_trace.py" header linked_list.mtr)
like "$header" '^machine=183$' "the header says the machine"
like "$header" '^clock_kind=3$' "... its clock"
like "$header" '^unwinder=3$' "... and how stacks were walked"
# The same program here: the same stacks but for the C library's frames and the trampoline's name, those that are found
# again without a walk, too.
stacks() {
    "$memtrace" flame --value allocations "$1" |
        sed 's/^.*;\(main;\)/\1/; s/^.*;\(in_thread;\)/\1/; s/interrupted;[^;]*;handler/interrupted;-;handler/' |
        grep -E ';allocate [0-9]+$' | sort
}
emulated there.mtr "$programs/keeps_records"
record here.mtr "$BUILD/tests/programs/keeps_records"
is "$(stacks there.mtr)" "$(stacks here.mtr)" "every stack is the one that it is on this machine"
ok "... some hundreds of them" [ "$(stacks there.mtr | wc -l)" -ge 200 ]
like "$(stacks there.mtr)" '^main;interrupted;-;handler;odd;even;allocate ' "... with what a signal interrupted"
readers_agree there.mtr "both readers print the same"
emulated threads.mtr "$programs/hostile_threads" sixty_four
is "$("$memtrace" dump threads.mtr | grep -c ' malloc size=807 ')" 128000 "64 threads: every block"
is "$(metric frees_of_unknown_blocks threads.mtr) $(metric events_lost threads.mtr) $(metric complete threads.mtr)" \
    "0 0 true" "... in an order in which no block is freed before it is made"
emulated sandbox.mtr "$programs/hostile_sandbox" refused
"$emulator" -L "$root" "$programs/hostile_sandbox" refused >plain.out
is "$(cat said)" "$(cat plain.out)" "prctl and syscall: what the kernel says to nonsense"
is "$(metric complete sandbox.mtr)" true "... after which recording goes on"
library=$programs/libreentrant_malloc.so
SAID=$PWD/counts emulated signals.mtr "$programs/hostile_signals" storm
is "$(metric allocations signals.mtr)" "$(($(sed -n 's/^handler=//p' counts) + $(sed -n 's/^main=//p' counts)))" \
    "handlers that interrupt the recorder: every block"
done_testing
