# memtrace compact: the form changes, what every command says does not; nothing is lost on the way.
. "$TESTS/lib/tap.sh"
memtrace=$BUILD/memtrace
programs=$BUILD/tests/programs

put() { # OFFSET BYTE FILE
    printf "\\$(printf %o "$2")" | dd of="$3" bs=1 seek="$1" conv=notrunc status=none
}

# --- Round trips: one thread, many, signal handlers' lanes, everything that a forged trace has ---
LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=cpp.mtr "$programs/cpp_containers" >/dev/null
LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=stacks.mtr "$programs/ten_million" 800000 >/dev/null
LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=threads.mtr "$programs/pair" 200000 20 4 >/dev/null
python3 "$TESTS/oracle/make_trace.py" --seed 1 --threads 3 --events 5000 made.mtr >/dev/null
xz -dc "$TESTS/data/version-1.mtr.xz" >old.mtr
for trace in cpp stacks threads made old; do
    "$memtrace" dump -o $trace.dump $trace.mtr
    ok "$trace has events" [ -s $trace.dump ]
    ok "$trace: -o writes beside" "$memtrace" compact -o $trace.compacted $trace.mtr
    "$memtrace" dump -o $trace.compact.dump $trace.compacted
    ok "$trace: the compact form has the same events" cmp $trace.dump $trace.compact.dump
    ok "$trace: and is smaller ($(stat -c %s $trace.mtr), $(stat -c %s $trace.compacted) bytes)" \
        [ "$(stat -c %s $trace.compacted)" -lt "$(($(stat -c %s $trace.mtr) / 2))" ]
    "$memtrace" compact --expand -o $trace.expanded $trace.compacted
    "$memtrace" dump -o $trace.expanded.dump $trace.expanded
    ok "$trace: expanded it has them again" cmp $trace.dump $trace.expanded.dump
done
ok "what a recorder wrote is restored to the byte" cmp cpp.mtr cpp.expanded
cp cpp.mtr same.mtr
for command in metrics timeline sites leaks sizes; do
    "$memtrace" $command --format json same.mtr >raw.json
    cp cpp.compacted same.mtr
    "$memtrace" $command --format json same.mtr >compact.json
    ok "$command is the same of both" cmp raw.json compact.json
    cp cpp.mtr same.mtr
done
"$memtrace" flame cpp.mtr >raw.flame
"$memtrace" flame cpp.compacted >compact.flame
ok "flame is the same of both" cmp raw.flame compact.flame

# --- In place, as gzip and xz have it ---
cp -p cpp.mtr a.mtr
touch -d '2001-02-03 04:05:06' a.mtr
before=$(stat -c '%a %u %Y' a.mtr)
exits 0 "$memtrace" compact a.mtr stacks.mtr
is "$(stat -c '%a %u %Y' a.mtr)" "$before" "in place: mode, owner and time stay"
is "$(head -c 8 a.mtr) $(head -c 8 stacks.mtr)" "memtracz memtracz" "both are compact"
is "$(ls a.mtr* stacks.mtr*)" "$(printf 'a.mtr\nstacks.mtr')" "and nothing lies beside them"
"$memtrace" dump -o a.dump a.mtr
ok "the same events" cmp a.dump cpp.dump
before=$(md5sum a.mtr)
exits 0 "compact already: done" "$memtrace" compact a.mtr
is "$(md5sum a.mtr)" "$before" "left as it is"
exits 0 "$memtrace" compact --expand a.mtr
ok "expanded in place it is as it was" cmp a.mtr cpp.mtr
"$memtrace" compact -o - cpp.mtr >piped
ok "standard output gets the same bytes" cmp piped cpp.compacted
"$memtrace" compact --level 19 -o small cpp.mtr
ok "a higher level is not larger" [ "$(stat -c %s small)" -le "$(stat -c %s cpp.compacted)" ]
like "$("$memtrace" compact -v --force -o small cpp.mtr 2>&1)" "^memtrace: small: [0-9]+ bytes of records, [0-9]+ bytes compact" "-v says what became of it"

# --- The second reader, of every kind of record that recorders write ---
. "$TESTS/lib/record.sh"
for program in aligned realloc_chain failing cpp_containers; do
    record $program.mtr "$programs/$program" >/dev/null
    "$memtrace" compact $program.mtr
    readers_agree $program.mtr "$program: both readers read the compact form alike"
done
record marks.mtr "$programs/hostile_marks" pool >/dev/null 2>&1
"$memtrace" compact marks.mtr && readers_agree marks.mtr "pools: both readers read the compact form alike"

# --- Refused ---
refused() { # CLAIM PATTERN COMMAND...
    claim=$1 pattern=$2
    shift 2
    "$@" >out 2>err
    is "$? $(wc -l <err)" "2 1" "$claim: status 2 and one line"
    like "$(cat err)" "$pattern" "$claim: it says why"
}
cp cpp.mtr b.mtr
echo precious >taken
refused "a taken name" "'taken' exists; it is not overwritten" "$memtrace" compact -o taken b.mtr
is "$(cat taken)" precious "and it is not touched"
refused "the trace itself" "is the trace itself" "$memtrace" compact --force -o b.mtr b.mtr
refused "two traces and -o" "-o names one file, and 2 traces" "$memtrace" compact -o x b.mtr cpp.mtr
refused "a level of no meaning" "levels go from 1 to 22" "$memtrace" compact --level 23 b.mtr
refused "what is no trace" "is not a trace" "$memtrace" compact taken
touch b.mtr.new
refused "a successor that is there already" "'b.mtr.new' exists" "$memtrace" compact b.mtr
rm b.mtr.new
"$memtrace" metrics -o a.mtr b.mtr 2>err
exits 0 "$memtrace" compact --force -o taken b.mtr
exits 2 "no command overwrites a compact trace" "$memtrace" metrics -o taken b.mtr
refused "a full disk" "cannot write" sh -c "ulimit -f 1; trap '' XFSZ; '$memtrace' compact stacks.expanded"
is "$(ls stacks.expanded*)" "$(printf 'stacks.expanded\nstacks.expanded.dump')" "nothing half is left of it"
"$memtrace" dump -o again.dump stacks.expanded
ok "and the original is whole" cmp again.dump stacks.dump
LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=busy.mtr perl -e 'select undef, undef, undef, 60' &
busy=$!
while [ ! -s busy.mtr ]; do sleep 0.05; done
refused "a trace that is being recorded" "still being recorded" "$memtrace" compact busy.mtr
kill -9 $busy
wait $busy 2>/dev/null
exits 0 "when its process is gone it is compacted" "$memtrace" compact busy.mtr

# --- Damage: one line, the rest is read ---
# A block's bytes, found by its magic; ten chunks or more, so that there are several blocks.
python3 - stacks.mtr <<'P' >blocks
import struct, sys
data = open(sys.argv[1], "rb").read()
at = 64
while True:
    magic, kind, method, content, payload = struct.unpack_from("=IHHQQ", data, at)
    if magic != 0x4B4C427A:
        break
    print(at, kind, payload)
    if kind == 3:
        break
    at += (48 + payload + 15) // 16 * 16
P
ok "there are several blocks ($(wc -l <blocks))" [ "$(grep -c ' 2 ' blocks)" -ge 3 ]
second=$(awk '$2 == 2 { n++ } n == 2 { print $1; exit }' blocks)
all=$(wc -l <stacks.dump)
broken() { # CLAIM: broken.mtr has lost one block, and that is told
    "$memtrace" dump -o broken.dump broken.mtr 2>err
    is "$? $(wc -l <err)" "0 1" "$1: read, with one line"
    like "$(cat err)" "'broken.mtr' is damaged at byte [0-9]+" "$1: that says where"
    some=$(wc -l <broken.dump)
    ok "$1: the others are read ($some of $all)" [ "$some" -gt $((all / 3)) ] && [ "$some" -lt "$all" ]
}
cp stacks.mtr broken.mtr
chmod u+w broken.mtr
put $((second + 300)) 85 broken.mtr
broken "a byte of a block"
is "$("$memtrace" metrics --format json broken.mtr 2>/dev/null | json_field stopped_because)" damaged "and the trace is not complete"
refused "a damaged trace" "'broken.mtr' is damaged" "$memtrace" compact --expand -o y broken.mtr
ok "and nothing is made of it" [ ! -e y ]
cp stacks.mtr broken.mtr
put "$(($(stat -c %s broken.mtr) - 10))" 85 broken.mtr
put $((second + 20)) 85 broken.mtr
broken "a block's header, with the table gone"
cp stacks.mtr broken.mtr
truncate -s $((second + 1000)) broken.mtr
"$memtrace" dump -o broken.dump broken.mtr
some=$(wc -l <broken.dump)
ok "cut off: what is before is read ($some of $all)" [ "$some" -gt 1000 ] && [ "$some" -lt "$all" ]
ok "and it is the beginning of the whole" cmp broken.dump stacks.dump -n "$(stat -c %s broken.dump)"
is "$("$memtrace" metrics --format json broken.mtr | json_field stopped_because)" cut "and the trace is not complete"
truncate -s 40 broken.mtr
refused "a header that is cut off" "cut off within its header" "$memtrace" dump broken.mtr
cp stacks.mtr broken.mtr
put 20 1 broken.mtr
refused "a damaged header" "damaged header" "$memtrace" dump broken.mtr
cp stacks.mtr broken.mtr
put 12 9 broken.mtr
refused "another version" "a version that this memtrace does not read" "$memtrace" dump broken.mtr
done_testing
