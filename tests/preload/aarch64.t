# The recorder built for aarch64: the same names as here, nothing needed but the C library, and under qemu, which
# accepts advice that it does not know, programs that run untraced and unchanged. make deps-cross installs what it takes.
. "$TESTS/lib/tap.sh"
command -v aarch64-linux-gnu-gcc >where || skip_all "no aarch64-linux-gnu-gcc (make deps-cross)"
recorder=$BUILD/aarch64/libmemtrace.so
programs=$BUILD/aarch64/tests/programs
root=/usr/aarch64-linux-gnu

ok "it builds" make -C "$TESTS/.." cross BUILD="$BUILD"

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
if [ "$emulator" ]; then
    ok "the walk by frame records is libgcc's there" "$emulator" -L "$root" "$programs/frame_pointers"
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
        is "$("$BUILD/memtrace" metrics --format json ./*linked_list*.mtr | json_field allocations)" \
            "$(sed -n 's/^allocations=\([0-9]*\).*/\1/p' said)" "recorded, and every allocation counted"
    else
        like "$(cat reason)" "^memtrace: untraced [0-9]+ the kernel accepts any advice" "... which says why it does not record"
    fi
else
    skip 4 "no qemu-aarch64 (make deps-cross)"
fi
done_testing
