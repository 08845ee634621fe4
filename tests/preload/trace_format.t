# The numbers in docs/trace-format.md are those of trace_format.h: offsets, sizes, constants.
. "$TESTS/lib/tap.sh"; plan 5
root=$TESTS/..
text=$root/docs/trace-format.md
header=$root/preload/include/memtrace/trace_format.h

agree() { # TEXT HEADER: as status
    python3 "$TESTS/preload/trace_format.py" "$1" "$2" >agree.c || return 2
    mkdir -p memtrace
    cp "$2" memtrace/trace_format.h
    ${CC:-cc} -std=gnu11 -I. -fsyntax-only agree.c
}
exits 0 "the text and the header agree" agree "$text" "$header"
ok "in more than a hundred numbers" test "$(grep -c _Static_assert agree.c)" -gt 150

sed 's/^| 176 | u32 | exit.kind/| 172 | u32 | exit.kind/' "$text" >wrong.md
exits 1 "another offset is noticed" agree wrong.md "$header"
sed 's/8 realloc_end |/7 realloc_end |/; s/5 posix_memalign, 6/6 posix_memalign, 5/' "$text" >wrong.md
exits 1 "and other values" agree wrong.md "$header"
sed 's/TRACE_FORK = 9,/TRACE_FORK = 9, TRACE_UNHEARD_OF = 12,/' "$header" >wrong.h
exits 2 "and a constant that the text does not have" agree "$text" wrong.h
