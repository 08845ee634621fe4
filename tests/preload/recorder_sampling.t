# MEMTRACE_SAMPLE: which calls a sampled trace holds, by every entry point; the frees of recorded blocks and of
# no others, across threads and fork; what is the same with the same seed; and that the program does not notice.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
. "$TESTS/lib/record.sh"

events() {
    python3 "$TESTS/oracle/read_trace.py" dump "$1" | python3 "$TESTS/preload/sampled_events.py"
}

# sampled RATE SEED TRACE COMMAND...
sampled() {
    (
        export MEMTRACE_SAMPLE="$1" MEMTRACE_SAMPLE_SEED="$2"
        shift 2
        record "$@"
    )
}

# --- blocks that are recorded for certain, and blocks that are not
sampled 1M 1 calls.mtr "$programs/sampled_calls"
is "$?" 0 "all entry points: the program finds what it should"
cat >wanted <<'END'
malloc 67108865
calloc 134217728
realloc_null 67108866
reallocarray_null 201326592
aligned_alloc 67108928
memalign 67108867
valloc 67108868
pvalloc 67108869
posix_memalign 67108870
failed 9223372036854775807
free 67108870
free 67108869
free 67108868
free 67108867
free 67108928
free 201326592
free 67108866
free 134217728
free 67108865
malloc 67108874
realloc_begin 67108874
realloc 67108875
realloc_begin unknown
realloc_end_failed 9223372036854775807
realloc_begin 67108875
realloc_end_failed 9223372036854775807
realloc_begin 67108875
realloc_end_failed 18446744073709551615
realloc_begin 67108875
realloc_end_freed 16
realloc_begin unknown
reallocarray 67108876
free 67108876
malloc 67108877
realloc_begin 67108877
realloc_end_freed 0
malloc 67108884
malloc 67108885
free 67108884
free 67108885
malloc 67108894
allocated 67108864
freed 67108864
realloc_begin 67108894
realloc_end_freed 67108896
END
events calls.mtr >got
is "$(cat got)" "$(cat wanted)" "all entry points: what is recorded, and nothing else"
is "$(events calls.1.mtr)" "free unknown
malloc 67108886
free 67108886" "a fork child frees what its parent recorded, and only that"
readers_agree calls.mtr "both readers read it alike"

# --- a rate of one byte: what has 64 bytes or more is recorded as if nothing were left out
compare_with_all() {
    claim=$1
    shift
    record all.mtr "$@" >all.out
    sampled 1 '' one.mtr "$@" >one.out
    for trace in all one; do
        "$memtrace" dump $trace.mtr | python3 "$TESTS/preload/sampled_events.py" | awk '$2 != "unknown" && $2 >= 64' >$trace.events
    done
    is "$(md5sum <one.events)" "$(md5sum <all.events)" "$claim, at 1 byte: the $(wc -l <all.events) events of large blocks"
    rm -f ./*.mtr
}
compare_with_all "C++ containers" "$programs/cpp_containers"
compare_with_all "a chain of reallocs" "$programs/realloc_chain"

# --- every recorded free is of a recorded block, and none of those is missed
# frees_known "claim" LEFT RATE COMMAND...: but for LEFT blocks at most, which the C library keeps for threads to come.
frees_known() {
    claim="$1, $3" left=$2 rate=$3
    shift 3
    rm -f known*.mtr
    sampled "$rate" '' known.mtr "$@"
    result=$("$memtrace" dump known.mtr | python3 "$TESTS/preload/sampled_events.py" --frees-known 2>&1)
    like "$result" "^[1-9][0-9]* [0-$left]\$" "$claim: every free has its block, and no block lost its free ($result)"
}
for rate in 64 4K; do
    frees_known "one thread" 0 $rate "$programs/pair" 100000
    frees_known "three threads" 2 $rate "$programs/pair" 50000 20 3
done
frees_known "blocks freed by other threads" 4 256 "$programs/sampled_exchange" 4 200000
is "$(python3 "$TESTS/oracle/read_trace.py" header known.mtr | sed -n 's/^sampling_rate_bytes=//p')" 256 "the header has the rate"

# --- seeds
sizes() {
    "$memtrace" dump "$1" | sed -n 's/.* malloc size=\([0-9]*\) .*/\1/p' | md5sum
}
for seed in 7 7 8 '' ''; do
    sampled 1K "$seed" seed.mtr "$programs/pair" 20000
done
is "$(sizes seed.mtr)" "$(sizes seed.1.mtr)" "the same seed chooses the same calls"
isnt "$(sizes seed.mtr)" "$(sizes seed.2.mtr)" "another seed others"
isnt "$(sizes seed.3.mtr)" "$(sizes seed.4.mtr)" "and without one, no run is like the other"

# A fork child goes on with draws of its own: it does not choose what its parent chooses.
sampled 1K 3 fork.mtr "$programs/sampled_exchange" fork
isnt "$(sizes fork.mtr)" "$(sizes fork.1.mtr)" "after fork, parent and child choose differently"

# --- the program does not notice
export MEMTRACE_SAMPLE=1K
for mode in threads handler_async_safe raw_fork; do
    hostile "sampled, hostile_fork $mode" "$programs/hostile_fork" $mode
done
HOSTILE_PRELOAD=$BUILD/tests/programs/libreentrant_malloc.so
hostile "sampled, hostile_fork handler" "$programs/hostile_fork" handler
HOSTILE_PRELOAD=
hostile "sampled, leak_cpp" "$programs/leak_cpp"
hostile "sampled, exceptions" "$programs/hostile_exceptions"
done_testing
