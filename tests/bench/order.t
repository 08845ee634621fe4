# Events of different threads are in the order in which they happened: no block is freed before it is allocated, none
# allocated twice. `tests/bench/order.sh` alone takes 10 million events; EVENTS here says how many.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
plan 8
"$TESTS/bench/order.sh" "${EVENTS:-500000}" >ours.csv 2>ours.err
isnt $? 2 "four threads free each other's blocks in ${EVENTS:-500000} events: all are recorded"
like "$(cat ours.csv)" '^glibc as it is,[0-9]{5,},0$' "their order is right"
like "$(cat ours.csv)" '^one arena without caches,[0-9]{5,},0$' "where each freed block is at once anybody's to have, too"
DUMP="python3 $TESTS/oracle/read_trace.py dump" "$TESTS/bench/order.sh" 40000 >oracle.csv 2>oracle.err
like "$(cat oracle.csv)" '^glibc as it is,4[0-9]{4},0$' "it is in the other reader's view, too"

# The checker sees what is wrong, or its silence would say nothing.
record small.mtr "$programs/cross_threads" 2000 >/dev/null
"$memtrace" dump small.mtr >good
ok "a good dump passes" sh -c '"$1" <good' checker "$programs/check_order"
free=$(grep -n ' free ' good | sed '100q;d' | cut -d: -f1)
address=$(sed "${free}q;d" good | sed 's/.*address=\(0x[0-9a-f]*\).*/\1/')
allocation=$(head -n "$free" good | grep -n " malloc .* address=$address " | tail -n 1 | cut -d: -f1)
sed "${free}d" good | awk -v at="$allocation" -v line="$(sed "${free}q;d" good)" 'NR == at { print line } { print }' >early
like "$("$programs/check_order" <early 2>early.err)" 'anomalies=[1-9]' "a free before its allocation is an anomaly"
like "$("$programs/check_order" 2>twice.err <<END
$(sed "${allocation}p" good)
END
)" 'anomalies=[1-9]' "an allocation of a live block is an anomaly"
like "$(tac good | "$programs/check_order" 2>back.err)" 'going_back=[1-9]' "a time that goes back is seen"
