# The walk by frame records: by itself against libgcc's unwinder, and as the recorder's, where its stacks must be
# those of the default unwinder.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"

ok "the walk is libgcc's, and ends where records do" "$programs/frame_pointers"

# stacks TRACE: those of the program's own allocations. The C library's frames, which keep no records on x86-64, lie
# outside of main and of the thread's first function.
stacks() {
    "$memtrace" flame --value allocations "$1" | sed 's/^.*;\(main;\)/\1/; s/^.*;\(in_thread;\)/\1/' |
        grep -E ';allocate [0-9]+$' | sort
}
header() {
    python3 "$TESTS/oracle/read_trace.py" header "$2" | sed -n "s/^$1=//p"
}
if [ "$(uname -m)" = x86_64 ]; then
    MEMTRACE_UNWINDER=cfi record cfi.mtr "$programs/keeps_records"
    MEMTRACE_UNWINDER=frame-pointer record records.mtr "$programs/keeps_records"
    is "$(header unwinder cfi.mtr) $(header unwinder records.mtr)" "1 3" "MEMTRACE_UNWINDER: the header says which"
    is "$(stacks records.mtr)" "$(stacks cfi.mtr)" "every stack up to main, or to a thread's function, is the default's"
    ok "... some hundreds of them" [ "$(stacks records.mtr | wc -l)" -ge 200 ]
    like "$(stacks records.mtr)" '^main;interrupted;[^;]*;handler;odd;even;allocate ' "... with what a signal interrupted"
    like "$(stacks records.mtr)" '^\[truncated\];' "... and one cut by the depth limit"
    readers_agree records.mtr "both readers print the same"
else
    skip 6 "both unwinders are there on x86-64"
fi

# Programs that keep none, and whose rbp is anything: shorter stacks, no fault, nothing else.
unchanged() {
    "$@" >plain.out 2>plain.err
    plain=$?
    MEMTRACE_UNWINDER=frame-pointer record any.%n.%p.mtr "$@" >recorded.out 2>recorded.err
    is "$? $(cat recorded.out recorded.err)" "$plain $(cat plain.out plain.err)" "${1##*/} runs the same"
}
for name in unwind_frames unwind_coroutines unwind_exceptions unwind_threads unwind_jit unwind_alternate_rbp; do
    unchanged "$programs/$name"
done
unchanged perl -e 'my %h; $h{"k$_"} = [split /,/, "a,b,$_"] for 1 .. 5000; print scalar %h, sort { $a <=> $b } map { $_->[2] } values %h'
unchanged sqlite3 :memory: 'create table t(a); with recursive c(x) as (select 1 union all select x + 1 from c where x < 3000)
    insert into t select x from c; create index i on t(a); select sum(a), count(distinct a % 7) from t'
PYTHONMALLOC=malloc unchanged /usr/bin/python3 -c 'import json, re; print(len(json.dumps([{"a": i} for i in range(3000)])))'
is "$(find . -name 'any.*.mtr' -size +64k | wc -l | tr -d ' ')" 9 "... and each has a trace"
done_testing
