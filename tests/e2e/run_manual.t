# libmemtrace(7) describes the variables that the recorder reads, no more and no fewer.
. "$TESTS/lib/tap.sh"; plan 2
page=$TESTS/../docs/man/libmemtrace.7
sed -n 's/^\.B \(MEMTRACE_[A-Z_]*\)$/\1/p' "$page" | sort -u >described
grep -o '"MEMTRACE_[A-Z_]*"' "$TESTS/../preload/process/config.c" | tr -d '"' | sort -u >read
ok "the recorder reads some ($(wc -l <read))" test -s read
is "$(cat described)" "$(cat read)" "the page and the recorder name the same variables"
