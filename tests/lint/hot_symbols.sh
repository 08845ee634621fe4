#!/bin/sh
# hot_symbols.sh BUILD: every symbol that the objects of preload/hot need must be defined in preload/, or be
# one of the few below. A libc function at every event could lock, allocate, be a cancellation point, or be
# the program's own.
build=$1
allowed='__errno_location _GLOBAL_OFFSET_TABLE_ __libc_single_threaded __libc_stack_end'
# The compiler calls these four for plain structure copies; glibc's take no lock and touch no state.
allowed="$allowed memcpy memmove memset memcmp"

ls "$build"/preload/hot/*.o >/dev/null || exit 2
nm --defined-only -g "$build"/preload/*/*.o "$build"/preload/*/*/*.o 2>/dev/null | awk 'NF == 3 { print $3 }' |
    sort -u >"$build/preload/defined.symbols"
status=0
for object in "$build"/preload/hot/*.o; do
    for symbol in $(nm -u "$object" | awk '{ print $NF }'); do
        grep -Fqx -- "$symbol" "$build/preload/defined.symbols" && continue
        case " $allowed " in *" $symbol "*) continue ;; esac
        echo "$object: calls $symbol, which is neither ours nor on the list in tests/lint/hot_symbols.sh" >&2
        status=1
    done
done
exit $status
