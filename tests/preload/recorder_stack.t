# Hooks use little stack: threads and signal handlers have stacks of 16 KiB and less.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
export SAID=/dev/null
hostile "jobs on a stack of their own" "$programs/hostile_stack"
SAID=$PWD/plain "$programs/hostile_stack" >/dev/null
SAID=$PWD/recorded LD_PRELOAD=$recorder MEMTRACE_OUTPUT=$PWD/%p.mtr "$programs/hostile_stack" >/dev/null
while read -r job bytes; do
    more=$((bytes - $(sed -n "s/^$job //p" plain)))
    if [ "$more" -le 2048 ]; then pass "$job: $more bytes, 2 KiB at most"; else fail "$job: $more bytes, more than 2 KiB"; fi
done <recorded
is "$(wc -l <recorded)" 6 "six jobs were measured"
done_testing
