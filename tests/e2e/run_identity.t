# A program cannot tell from its descriptors, signals, limits or streams that `memtrace run` started it.
. "$TESTS/lib/tap.sh"; plan 21
. "$TESTS/lib/record.sh"
export MEMTRACE_OUTPUT=/tmp/memtrace-identity.$$.%p.mtr # not in the directory that is looked at
trap 'status=$?; rm -f /tmp/memtrace-identity.$$.*; tap_end $status' EXIT

# same CLAIM COMMAND...: twice in the same surroundings, plain and under run; stdout, stderr and status are equal.
same() {
    same_claim=$1
    shift
    "$@" >out 2>err
    echo "status $?" >>err
    mv out plain.out
    mv err plain.err
    run= same_prefix "$@" >out 2>err # the same names: one claim prints them
    echo "status $?" >>err
    mv out run.out
    mv err run.err
    if [ ! -s plain.out ] && [ ! -s plain.err ]; then
        fail "$same_claim (the plain run says nothing)"
    elif cmp -s plain.out run.out && cmp -s plain.err run.err; then
        pass "$same_claim"
    else
        fail "$same_claim"
        diff plain.out run.out | sed 's/^/# /' >&2
        diff plain.err run.err | sed 's/^/# /' >&2
    fi
}
# The command with `memtrace run -q --` put in front of what stands behind the word `--here`, or else of all.
same_prefix() {
    for word; do
        shift
        if [ "$word" = --here ]; then
            set -- "$@" "$memtrace" run -q --
            run=yes
        else
            set -- "$@" "$word"
        fi
    done
    if [ "$run" ]; then "$@"; else "$memtrace" run -q -- "$@"; fi
}
# For the plain run.
here=$PWD/bin
mkdir bin
printf '#!/bin/sh\nexec "$@"\n' >bin/--here
chmod 755 bin/--here
PATH=$PATH:$here

descriptors='import os
for fd in sorted(map(int, os.listdir("/proc/self/fd"))):
    try:
        print(fd, os.readlink(f"/proc/self/fd/{fd}").split(":")[0], os.get_inheritable(fd))
    except OSError:
        pass'
same "the open descriptors" python3 -c "$descriptors"
exec 7<"$TESTS/lib/tap.sh" 8>extra
same "with more of them open" python3 -c "$descriptors"
exec 7<&- 8>&-
same "with stdin closed" sh -c '"$@" <&-' - --here python3 -c "$descriptors"
same "with stdin, stdout and stderr closed" sh -c '"$@" 3>&1 <&- >&- 2>&-; cat seen' - --here python3 -c "
import os
seen = [fd for fd in range(30) if os.path.exists(f'/proc/self/fd/{fd}')]
os.write(os.open('seen', os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), repr(seen).encode())"
same "the lowest free descriptor" python3 -c 'import os; print(os.open("/", os.O_RDONLY))'

state='grep -E "^(Umask|SigPnd|ShdPnd|SigBlk|SigIgn|Cap.*|NoNewPrivs|Threads|Uid|Gid|Groups):" /proc/self/status'
same "signal masks and dispositions, umask, privileges" sh -c "exec $state"
ignoring='import os, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGTSTP, signal.SIGUSR1):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2, signal.SIGCHLD, signal.SIGRTMIN + 3})
os.execvp(sys.argv[1], sys.argv[1:])'
same "signals ignored and blocked by whoever started us" python3 -c "$ignoring" --here sh -c "exec $state"
same "SIGCHLD ignored: the status arrives all the same" python3 -c "$ignoring" --here "$programs/ends" exit 42
same "process group and session" python3 -c 'import os; print(os.getpgrp() == os.getpid(), os.getpgrp() == os.getpgid(os.getppid()), os.getsid(0))'
same "limits, nice value, working directory" sh -c 'ulimit -a; nice; pwd'
same "arguments" python3 -c 'import sys; print(open("/proc/self/cmdline", "rb").read())' "" " " "a b" "é" -- -o -q --
same "argv[0] as typed" sh -c 'echo "$0"'
same "an option that is the program's" sh -c 'echo "$@"' - -o --help --version
same "100,000 bytes in, out and err" sh -c 'head -c 100000 /dev/zero | tr "\0" x | --here tee /dev/stderr'

env | sort | grep -v '^_=' >before
"$memtrace" run -q -- env | sort | grep -v '^_=' >after
is "$(diff before after | grep -o '^[<>] [A-Za-z0-9_]*')" "> LD_PRELOAD
> MEMTRACE_STATUS" "the environment gains LD_PRELOAD and MEMTRACE_STATUS, nothing else"
is "$(LD_PRELOAD=libm.so.6 "$memtrace" run -q -- sh -c 'echo "$LD_PRELOAD"')" \
    "$(realpath "$BUILD/libmemtrace.so"):libm.so.6" "an LD_PRELOAD that was there comes behind ours"
unset MEMTRACE_OUTPUT
mkdir '100%p'
cd '100%p'
is "$("$memtrace" run -q -- sh -c 'echo "$MEMTRACE_OUTPUT"')" "$(pwd | sed 's/%/%%/g')/memtrace.%n.%p.mtr" "traces go to the working directory, whose name is no pattern"
like "$(ls)" '^memtrace\.[a-z]+\.[0-9]+\.mtr$' "and one is there"
cd ..
is "$("$memtrace" run -q -o here.mtr --limit 1M --depth 7 --sample 512K --images 's*' --unwinder cfi -v sh -c 'cd /; env' 2>/dev/null | grep ^MEMTRACE_ | grep -v STATUS | sort)" \
    "MEMTRACE_DEPTH=7
MEMTRACE_IMAGES=s*
MEMTRACE_LIMIT=1048576
MEMTRACE_OUTPUT=$PWD/here.mtr
MEMTRACE_SAMPLE=524288
MEMTRACE_UNWINDER=cfi
MEMTRACE_VERBOSE=1" "the options reach the recorder"
"$memtrace" run -- "$programs/ends" exit 2>&- >closed.out
is "$? $(cat closed.out)" "0 " "with stderr closed the last line goes nowhere"
"$memtrace" run -- "$programs/ends" exit 5 2>/dev/full
is $? 5 "with stderr full the status is the program's"
