# A trace of every version of the format, made once and kept, is still read as it was.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
for packed in "$TESTS"/data/*.mtr.xz; do
    name=$(basename "$packed" .mtr.xz)
    xz -dc "$packed" >"$name.mtr"
    "$memtrace" dump "$name.mtr" >ours.dump
    ok "$name: memtrace dump" cmp ours.dump "$TESTS/data/$name.dump"
    python3 "$TESTS/oracle/read_trace.py" dump "$name.mtr" >oracle.dump
    ok "$name: the oracle" cmp oracle.dump "$TESTS/data/$name.dump"
done
ok "there is one of version 1" [ -s version-1.mtr ]
ok "there is one of version 2" [ -s version-2.mtr ]
done_testing
