# Threads in numbers, on small stacks, short-lived, cancelled.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
try() {
    hostile "$1" "$programs/hostile_threads" "$1"
    read_traces
    is "$(said counter.0) $(said stop_reason)" "0 0" "$1: nothing lost"
}
# No block is freed that is not live: the order across threads is right.
orderly() {
    is "$(cat dumps/*.dump | awk '$3 == "malloc" || $3 == "calloc" || $3 == "posix_memalign" || $3 == "realloc" || $3 == "realloc_null" {
        for (i = 4; i <= NF; i++) if ($i ~ /^address=/) { if ($i in live) bad++; live[$i] = 1 } }
        $3 == "free" || $3 == "realloc_begin" { if (!($4 in live)) bad++; delete live[$4] } END { print bad + 0 }')" 0 \
        "$1: no block is given out twice, none is freed that is not live"
}
try short_lives
counted ' malloc size=806 ' 20000 "short_lives: every block"
is "$(awk '$3 == "malloc" && $4 == "size=806" { print $2 }' dumps/*.dump | sort -u | wc -l)" 2000 "short_lives: of 2,000 threads"
is "$(cat dumps/*.dump | grep -c ' thread_start ')" 2001 "short_lives: each has begun"
ok "short_lives: their states and chunks were used again" test "$(stat -c %s traces/*.mtr)" -lt 10000000
orderly short_lives
try sixty_four
counted ' malloc size=807 ' 128000 "sixty_four: every block"
orderly sixty_four
try small_stacks
for size in 850 852 853; do counted " size=$size " 6000 "small_stacks: blocks of $size"; done
try same_stack
counted ' malloc size=854 ' 200 "same_stack: every block"
try handed_over
counted ' malloc size=855 ' 20000 "handed_over: every block"
orderly handed_over
try cancel
counted ' malloc size=857 ' "$(cat dumps/*.dump | grep -c ' malloc size=856 ')" "cancel: clean-up handlers' blocks"
try all_keys
counted ' malloc size=859 ' 50 "all_keys: destructors' blocks"
done_testing
