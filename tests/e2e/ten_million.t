# 10 million events are reported in seconds, in memory that depends on live blocks and stacks, not on events.
# (make bench prints the same figures beside heaptrack's.)
. "$TESTS/lib/tap.sh"
plan 4
bench() {
    python3 "$TESTS/bench/analysis.py" --no-heaptrack --pairs "$1" | sed -n "s/^ten_million,memtrace report,//p"
}
few=$(bench 1000000)
many=$(bench 5000000)
like "$few" '^[0-9.]+,[0-9]+,[0-9]+$' "2 million events are reported ($few)"
like "$many" '^[0-9.]+,[0-9]+,[0-9]+$' "10 million events are reported ($many)"
# Shared machines are slow at times; "seconds" is not minutes.
ok "10 million take less than 60 s" awk -v row="$many" 'BEGIN { split(row, f, ","); exit !(f[1] > 0 && f[1] < 60) }'
ok "five times the events need no more than 1.25 times the memory" awk -v few="$few" -v many="$many" \
    'BEGIN { split(few, a, ","); split(many, b, ","); exit !(a[2] > 0 && b[2] <= a[2] * 1.25 + 2097152) }'
