# Traces as files: sparse ones of tens of GiB, interrupted trims, traces that grow while they are read, files
# that are cut under the reader. (What is refused, and how: tests/e2e/bad_input.t.)
. "$TESTS/lib/tap.sh"
memtrace=$BUILD/memtrace

python3 "$TESTS/oracle/make_trace.py" --seed 1 --threads 2 --events 2000 made.mtr >/dev/null
"$memtrace" dump -o whole made.mtr
ok "the trace has events" [ -s whole ]

# put64 OFFSET VALUE FILE
put64() {
    python3 -c 'import struct, sys
with open(sys.argv[3], "r+b") as f:
    f.seek(int(sys.argv[1]))
    f.write(struct.pack("=Q", int(sys.argv[2])))' "$@"
}
next=96 limit=104

# As at run time: the apparent size is the cap, the disk holds what was written.
cp made.mtr sparse.mtr
gib64=$((64 << 30))
put64 $limit $gib64 sparse.mtr
if truncate -s $gib64 sparse.mtr 2>/dev/null; then
    ok "a sparse file of 64 GiB is read" timeout 20 "$memtrace" dump -o ours sparse.mtr
    ok "and says the same" cmp ours whole
    # A trim that was interrupted: next is the limit, and chunks are found through the holes.
    put64 $next $gib64 sparse.mtr
    ok "64 GiB of holes are skipped" timeout 20 "$memtrace" dump -o ours sparse.mtr
    ok "and nothing is lost" cmp ours whole
else
    skip 4 "no sparse files of 64 GiB here"
fi

# Shorter than what was claimed: as recorded, then cut.
LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=list.mtr "$BUILD/tests/programs/linked_list" >/dev/null
chmod u+w list.mtr
is "$("$memtrace" metrics --format json list.mtr | json_field complete)" true "a recorded trace is complete"
cp list.mtr short.mtr
truncate -s 70000 short.mtr
"$memtrace" metrics --format json short.mtr >short.json
is "$(json_field complete <short.json)" false "one that was cut is not"
is "$(json_field stopped_because <short.json)" cut "and says so"

# An interrupted trim of a recorded one: the limit is the cap, the file has its true size.
cp list.mtr trimmed.mtr
put64 $limit $gib64 trimmed.mtr
put64 $next $gib64 trimmed.mtr
is "$("$memtrace" metrics --format json trimmed.mtr | json_field complete)" true "an interrupted trim is complete"

# A byte that is no record where the first one was.
cp list.mtr damaged.mtr
printf '\014' | dd of=damaged.mtr bs=1 seek=$((65536 + 128)) conv=notrunc status=none
"$memtrace" metrics --format json damaged.mtr >damaged.json
is "$(json_field stopped_because <damaged.json)" damaged "a damaged trace is not complete either"
is "$(json_field damaged_chunks <damaged.json)" 1 "the damaged chunks are counted"

# A trace whose process is at work: each reading sees at least what the one before saw.
LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=busy.mtr \
    perl -e 'while (1) { my @x = map { "x" x $_ } 1 .. 100; select undef, undef, undef, 0.001 }' &
busy=$!
while [ ! -s busy.mtr ]; do sleep 0.05; done
before=0 grew=yes
for round in 1 2 3; do
    "$memtrace" metrics --format json busy.mtr >busy.json || grew=unreadable
    events=$(json_field events <busy.json)
    [ "$events" -ge "$before" ] || grew="round $round: $events after $before"
    before=$events
done
is "$(json_field exit_kind <busy.json)" running "a live trace is of a running process"
is "$grew" yes "and is read again and again while it grows"
kill -9 $busy
wait $busy 2>/dev/null
is "$("$memtrace" metrics --format json busy.mtr | json_field exit_kind)" unknown "a killed one ended nobody knows how"
ok "what was committed stays" \
    [ "$("$memtrace" metrics --format json busy.mtr | json_field events)" -ge "$before" ]

# The file is cut while it is mapped: one line instead of a crash.
chmod u+w busy.mtr
mkfifo out
"$memtrace" dump busy.mtr >out 2>cut.err &
reader=$!
{ head -c 1000 >/dev/null; truncate -s 65536 busy.mtr; cat >/dev/null; } <out
wait $reader
is "$?" 2 "a trace that is cut while it is read ends the command with status 2"
like "$(cat cut.err)" '^memtrace: the trace was cut' "and one line"
done_testing
