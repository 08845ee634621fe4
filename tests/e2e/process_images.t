# Each process image has its own trace: fork, vfork and exec, posix_spawn, fork and then exec. fork_tree's source
# says how many blocks of which size each image allocates.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
plan 13

record "$PWD/%n.%p.mtr" "$programs/fork_tree"
is "$?" 0 "the tree runs to its end"
is "$(ls ./*.mtr | wc -l)" 6 "six images, six traces"

for trace in ./*.mtr; do
    "$memtrace" dump "$trace" >"${trace%.mtr}.dump" || diag "$trace cannot be read"
done
# counted SIZE COUNT: one image alone has allocations of SIZE, and COUNT of them.
counted() {
    counts=$(grep -c " malloc size=$1 " ./*.dump | sed 's/.*://' | sort -n | tr '\n' ' ')
    is "$counts" "0 0 0 0 0 $2 " "$3: $2 blocks of $1 bytes, in one trace alone"
}
counted 1000 100 "the parent"
counted 1001 100 "a forked child"
counted 1002 200 "vfork and exec"
counted 1003 300 "posix_spawn"
counted 1004 400 "a forked child that will exec"
counted 1005 500 "the image that it execs"

child=$(grep -l ' malloc size=1001 ' ./*.dump)
child=${child%.dump}.mtr
is "$(metric frees_of_inherited_blocks "$child" 2>&1)" 10 "frees of blocks that the parent allocated are told apart"
is "$(metric exit_kind "$child")" exit "the forked child left by exit"
before=$(grep -l ' malloc size=1004 ' ./*.dump)
is "$(metric exit_kind "${before%.dump}.mtr")" exec "the image that called exec ended so"
parent=$(grep -l ' malloc size=1000 ' ./*.dump)
is "$(grep -c ' fork pid=' "$parent")" 2 "the parent's trace has its two forks"
# exec keeps the pid: the second image of that process must have found another name.
is "$(basename "$(grep -l ' malloc size=1005 ' ./*.dump)" .dump | sed 's/.*\.\([0-9]*\)$/\1/')" 1 \
    "the second image of one pid has .1 in its name"
