# An executable with a gap between its segments: one module with its build-id, and every stack leads to its start.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
plan 4
program=$programs/unwind_gap
record gap.mtr "$program" >said
"$memtrace" dump gap.mtr >events
build_id=$(readelf -n "$program" | sed -n 's/.*Build ID: //p')
is "$(grep -c " module .* path=$program\$" events)" 1 "the executable is one module"
like "$(grep " module .* path=$program\$" events)" " start=0x400000 .* build_id=$build_id " "... which begins with its header and has its build-id"
start=$(nm "$program" | sed -n 's/^0*\([0-9a-f]*\) T _start$/\1/p')
is "$(sed -n 's/.* malloc .*,0x\([0-9a-f]*\)$/\1/p' events | cut -c1-4 | sort -u)" "$(echo "$start" | cut -c1-4)" \
    "every stack ends in _start ($start)"
is "$(sed 's/allocations=//' said)" "$(grep -c ' malloc .*[=,]0x100000[0-5][0-9a-f],' events)" "... and those of the far side are all there"
