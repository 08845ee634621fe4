# memtrace.h: marks, pauses and pools as they stand in the trace.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
try() {
    hostile "$1" "$programs/hostile_marks" "$1"
    read_traces
}
try in_order
is "$(cat dumps/*.dump | grep ' mark ' | cut -d ' ' -f 3-)" "mark kind=main name=main
mark kind=user name=one
mark kind=stop name=
mark kind=start name=
mark kind=user name=two%20words,%20a%20%25%20and%20%C3%A4
mark kind=user name=
mark kind=user name=
mark kind=user name=from%20a%20thread" "in_order: the marks, once each"
counted ' malloc size=870 ' 3 "in_order: blocks before the pause"
counted ' malloc size=871 ' 0 "in_order: none in it"
counted ' malloc size=872 ' 3 "in_order: and behind it"
is "$(cat dumps/*.dump | grep -E ' (allocated|freed) ' | sed 's/address=0x[0-9a-f]*\([0-9a-f]\{3\}\)/\1/; s/ stack=.*//' | cut -d ' ' -f 3- |
    awk '{ print $1, $2 == "size=100" || $2 == "size=200" ? $2 : "" }')" "allocated size=100
allocated size=200
freed 
freed " "in_order: pool blocks"

try across
counted ' malloc size=87[34] ' 2 "across: blocks from before"
counted ' malloc size=875 ' 0 "across: none from the pause"
python3 "$TESTS/oracle/read_trace.py" counts traces/*.mtr >counts 2>&1
first=$(cat dumps/*.dump | sed -n 's/.* malloc size=873 .*address=\(0x[0-9a-f]*\) .*/\1/p')
isnt "$(cat dumps/*.dump | grep -c " free address=$first\$")" 0 "across: a block is freed in the pause"
is "$(cat dumps/*.dump | grep -c ' realloc_end outcome=freed size=100000 ')" 1 \
    "across: a block that is moved in the pause is gone for the trace"

try long_name
is "$(cat dumps/*.dump | sed -n 's/.* mark kind=user name=//p' | awk '{ print length($0) }' | sort -u)" 1024 \
    "long_name: cut at 1,024 bytes"
counted ' mark kind=user ' 200 "long_name: all of them"

try toggled
counted ' malloc size=878 ' 10 "toggled: recording is on again at last"
is "$(said counter.0)" 0 "toggled: nothing lost"
done_testing
