# memtrace dump against the reader that was written from docs/trace-format.md alone, on synthetic traces whose
# true content their maker wrote beside them; whole, cut anywhere, and damaged.
. "$TESTS/lib/tap.sh"
memtrace=$BUILD/memtrace
oracle=$TESTS/oracle
everything="--threads 4 --with-second-lanes --with-realloc --with-pool --with-modules --with-truncated"

# agree CLAIM OPTIONS...: make such a trace; do maker, oracle and dump say the same?
agree() {
    claim=$1
    shift
    python3 "$oracle/make_trace.py" "$@" made.mtr >/dev/null || fail "$claim: it can be made"
    grep -v '^[a-z]' made.mtr.expected >expected
    ok "$claim: dump reads it" "$memtrace" dump -o ours made.mtr
    ok "$claim: as it was made" cmp ours expected
    python3 "$oracle/read_trace.py" dump made.mtr >theirs
    ok "$claim: as the other reader does" cmp ours theirs
}

for seed in 1 2; do
    agree "seed $seed, plain" --seed $seed
    agree "seed $seed, second lanes" --seed $seed --threads 2 --with-second-lanes
    # shellcheck disable=SC2086
    agree "seed $seed, everything" --seed $seed $everything
    # shellcheck disable=SC2086
    agree "seed $seed, everything, monotonic clock" --seed $seed --clock monotonic $everything
done
agree "one chunk after another" --seed 4 --events 60000 --threads 2
for bytes in 65536 65700 66000 70001 131072 140000 200003; do
    # shellcheck disable=SC2086
    agree "cut at byte $bytes" --seed 5 --kill-at-byte $bytes $everything
done

# shellcheck disable=SC2086
python3 "$oracle/make_trace.py" --seed 6 --events 300 $everything whole.mtr >/dev/null
ok "the readers agree on 200 damaged traces" \
    python3 "$TESTS/analyzer/reader/damaged_dumps.py" "$memtrace" 200 1 whole.mtr
like "$(cat command.out)" '^read (1[0-9][0-9]|200) of 200$' "most of them are still read"
done_testing
