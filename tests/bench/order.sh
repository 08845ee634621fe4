#!/bin/sh
# order.sh [EVENTS]: are events of different threads in the order in which they happened? Records cross_threads (four
# threads that free each other's blocks, EVENTS events or a few more, default 10 million) and has check_order follow
# every address through `memtrace dump`: an address freed while it is not live, or allocated while it is, is an
# anomaly, and so is a time that goes back. Twice: as glibc is, and with one arena and no per-thread caches, where a
# freed block is at once every thread's to have. Prints CSV; exits 1 when there is an anomaly, 2 when an event is
# missing or nothing could be recorded. DUMP: the reader, "$BUILD/memtrace dump" unless set.
events=${1:-10000000}
build=$(cd "${BUILD:-build}" && pwd) || exit 2
programs=$build/tests/programs
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' INT TERM
worst=0

# check VARIANT TUNABLES
check() {
    said=$(GLIBC_TUNABLES=$2 LD_PRELOAD=$build/libmemtrace.so MEMTRACE_OUTPUT=$folder/order.mtr \
        "$programs/cross_threads" "$events") || exit 2
    found=$(${DUMP:-"$build/memtrace" dump} "$folder/order.mtr" | "$programs/check_order")
    rm -f "$folder/order.mtr"
    set -- "$1" $(echo "$said" | sed 's/allocations=\([0-9]*\) frees=\([0-9]*\) .*/\1 \2/') \
        $(echo "$found" | sed 's/events=\([0-9]*\) anomalies=\([0-9]*\) going_back=\([0-9]*\) live=\([0-9]*\)/\1 \2 \3/')
    if [ $# -ne 6 ]; then
        echo "order.sh: $1: no counts: the program said '$said', the checker '$found'" >&2
        exit 2
    fi
    # The threads' own blocks of the C library come on top of the program's.
    if [ "$4" -lt $(($2 + $3)) ]; then
        echo "order.sh: $1: $4 events in the trace, of $2 allocations and $3 frees" >&2
        exit 2
    fi
    echo "$1,$4,$(($5 + $6))"
    [ $(($5 + $6)) -eq 0 ] || worst=1
}

echo "variant,events,anomalies"
check "glibc as it is" ""
check "one arena without caches" "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1"
exit $worst
