# Executables at a fixed address that take realloc's address are recorded like any other.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
plan 3
program=$programs/takes_realloc
like "$(readelf -W --dyn-syms "$program")" ' 0*[1-9a-f][0-9a-f]* +0 FUNC +GLOBAL +DEFAULT +UND +realloc' \
    "realloc's address is in the executable, undefined"
record taken.mtr "$program" >said
"$memtrace" dump taken.mtr >events
is "$(grep -Ec ' (malloc|calloc|realloc) ' events)" "$(sed 's/allocations=//' said)" "all of its calls are recorded"
is "$(metric live_bytes_at_end taken.mtr)" 0 "... and what it freed"
