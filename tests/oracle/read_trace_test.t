# The oracle itself: cases worked out by hand, then synthetic traces whose answers their generator knows.
. "$TESTS/lib/tap.sh"; plan 10
oracle=$TESTS/oracle
export PYTHONDONTWRITEBYTECODE=1
everything="--with-second-lanes --with-realloc --with-pool --with-modules --with-truncated"

# Print those seeds of FIRST to LAST whose trace, made with the further options, is not read as it was made.
misread() {
    first=$1 last=$2
    shift 2
    for seed in $(seq "$first" "$last"); do
        python3 "$oracle/make_trace.py" --seed "$seed" "$@" made.mtr || echo "$seed: not made"
        { python3 "$oracle/read_trace.py" dump made.mtr && python3 "$oracle/read_trace.py" counts made.mtr; } >read 2>&1
        cmp -s read made.mtr.expected || echo "$seed: $(diff read made.mtr.expected | cut -c1-200 | head -n 3)"
        cut -s -d ' ' -f 3 <made.mtr.expected >>operations
        sed -n 's/^[^ ]* [^ ]* malloc .*,\.\.\.$/truncated/p; s/^[^ ]* [^ ]* free address=0xfffff.*/high/p' \
            <made.mtr.expected >>operations
    done
}

ok "traces written by hand are read as worked out on paper" python3 "$oracle/hand_cases.py"
is "$(misread 1 12 --events 500)" "" "one thread, ticks of a time stamp counter"
is "$(misread 21 28 --events 4000 --threads 2 --with-realloc --clock monotonic)" "" "two threads, realloc, ticks in ns"
# shellcheck disable=SC2086 # a list of options
is "$(misread 41 65 --events 1500 --threads 4 $everything)" "" "four threads and everything else"
# shellcheck disable=SC2086
is "$(misread 81 90 --events 200 --threads 12 $everything --clock monotonic)" "" "twelve threads that come and go"
# shellcheck disable=SC2086
is "$(for byte in 65536 65664 65700 66001 70000 99999 131073 131200 196700 262144 400001 700003; do
    misread "$byte" $((byte + 1)) --events 2000 --threads 3 $everything --kill-at-byte "$byte"
done)" "" "files that end abruptly"
is "$(sort -u operations | tr '\n' ' ')" "$(printf '%s ' aligned_alloc allocated calloc extension failed fork \
    free freed high lane_entry malloc mark memalign module module_gone posix_memalign pvalloc realloc \
    realloc_begin realloc_end realloc_null reallocarray reallocarray_null sample thread_end thread_start time \
    truncated valloc)" "every kind of record was among them"

# shellcheck disable=SC2086
python3 "$oracle/make_trace.py" --seed 7 --events 500 --threads 2 $everything made.mtr
cp --sparse=always made.mtr other.mtr
# shellcheck disable=SC2086
python3 "$oracle/make_trace.py" --seed 7 --events 500 --threads 2 $everything made.mtr
ok "a seed makes the same trace again" cmp made.mtr other.mtr

# As a killed recorder leaves it: 64 GiB of holes behind the last chunk. `next` is at offset 96.
python3 "$oracle/read_trace.py" dump made.mtr >small
truncate -s 64G made.mtr
python3 -c 'import struct, sys; sys.stdout.buffer.write(struct.pack("=Q", 64 << 30))' |
    dd of=made.mtr bs=1 seek=96 conv=notrunc status=none
timeout 20 python3 "$oracle/read_trace.py" dump made.mtr >large
ok "holes of 64 GiB are skipped" cmp small large
rm made.mtr other.mtr

# Resident memory in KiB of a dump of this many events.
dump_memory() {
    python3 "$oracle/make_trace.py" --events "$1" --threads 4 made.mtr
    python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' python3 "$oracle/read_trace.py" dump made.mtr
}
few=$(dump_memory 3000)
many=$(dump_memory 90000)
ok "memory does not grow with the events ($few and $many KiB for 3,000 and 90,000)" test "$many" -lt $((few + 40000))
