# Exec: each image has a trace, a failing exec ends none.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
program=$programs/hostile_exec
mkdir -p decoys/directory/hostile_exec decoys/plain
echo text >decoys/plain/hostile_exec
printf '\177NOT' >decoys/not-elf
chmod +x decoys/not-elf

hostile "images that follow each other" "$program" chain
is "$(ls traces | sed 's/[0-9][0-9]*/PID/' | sort | tr '\n' ' ')" \
    "hostile_exec.PID.1.mtr hostile_exec.PID.2.mtr hostile_exec.PID.3.mtr hostile_exec.PID.mtr " \
    "four images of one process, four names"
counted ' malloc size=822 ' 200 "every image recorded what it allocated"
is "$(said exit.kind | sort | tr '\n' ' ')" "1 6 6 6 " "three ended by exec, one by exit"
all_cut "all four are cut"

hostile "nine functions" "$program" variants
counted ' malloc size=823 ' 90 "every forked image recorded"
counted ' malloc size=821 ' 900 "every image after exec recorded"
is "$(said exit.kind | sort | uniq -c | tr -s ' \n' ' ')" " 10 1 9 6 " "ten ended by exit, nine by exec"
is "$(said exit.code | sort | uniq -c | tr -s ' \n' ' ')" " 10 0 9 6 " "the codes are the programs'"
all_cut "all nineteen are cut"

hostile "exec that fails" "$program" failing
counted ' malloc size=777 ' 40000 "recording went on"
is "$(said stop_reason)" 0 "and did not stop"
is "$(said exit.kind)" 1 "the image ended by exit"
all_cut "the file is cut at last"

hostile "exec that fails in a vfork child" "$program" vfork_failing
counted ' malloc size=824 ' 5000 "the parent is recorded"
is "$(said exit.kind)" 1 "and ended by its own exit"
hostile "exec in a vfork child" "$program" vfork_exec
counted ' malloc size=777 ' 20000 "the parent is recorded"
counted ' malloc size=821 ' 100 "and the child"

if command -v strace >/dev/null; then
    strace -f -o calls env LD_PRELOAD="$recorder" MEMTRACE_OUTPUT="$PWD/strace.mtr" "$program" failing >/dev/null
    per_try=$(awk '/execve\("\/no\/such\/program"/ { n++ } n == 100 && !/execve/ { calls++ } n == 101 { exit } END { print calls }' calls)
    ok "a try at a file that is not there costs few system calls ($per_try)" test "$per_try" -le 40
else
    skip 1 "no strace"
fi
done_testing
