# The man page has every command and option that --help has, and no other.
. "$TESTS/lib/tap.sh"
memtrace=$BUILD/memtrace
page=$TESTS/../docs/man/memtrace.1

"$memtrace" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | sort >commands
sed -n 's/^\.SS //p' "$page" | sort >sections
ok "--help lists commands" test -s commands
is "$(cat sections)" "$(cat commands)" "the page has a section for each command and no other"

# The long options of a command, by the page's section and by --help; --help itself stands among the common ones.
while read -r command; do
    "$memtrace" "$command" --help | sed -n '/^options:/,/^$/s/^ *\(-.,\)\{0,1\} *--\([a-z-]*\).*/\2/p' | grep -v '^help$' |
        sort >said
    awk -v section=".SS $command" '/^\.S[SH]/ { inside = $0 == section } inside' "$page" | sed 's/\\-/-/g' |
        sed -n 's/^\.BR* [^-]*\(-[a-z] ", " \)\{0,1\}--\([a-z-]*\).*/\2/p' | sort >written
    is "$(cat written)" "$(cat said)" "$command: the page has its options"
done <commands
done_testing
