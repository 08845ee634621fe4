# What a program can see of itself, of its allocator and of its stacks is as without the recorder.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
try() {
    hostile "$1" "$programs/hostile_identity" "$1"
    read_traces
    is "$(said counter.0)" 0 "$1: nothing lost"
}
try process
counted ' malloc size=777 ' 50000 "process: every block"
try allocator
try contents
try coroutines
counted ' malloc size=88[01] ' 400 "coroutines: every block"
try jumps
try deep
counted ' malloc size=884 ' 20001 "deep: every block"
is "$(cat dumps/*.dump | sed -n 's/.* malloc size=884 .*stack=//p' | awk -F, 'NF - ($NF == "...") > 512' | wc -l)" 0 \
    "deep: no stack is deeper than the limit"
try wild_frame_pointer
counted ' malloc size=885 ' 7 "wild_frame_pointer: every block"

HOSTILE_PRELOAD=$BUILD/tests/programs/libhostile_early.so
hostile "another library's constructor calls all hooks before ours" "$programs/hostile_identity" contents
counted ' malloc size=891 ' 1 "and is recorded"
HOSTILE_PRELOAD=

hostile "exceptions" "$programs/hostile_exceptions"
counted ' size=890 ' "$((5250 + 4 * 2100))" "exceptions: every block of a frame that was thrown through"
is "$(said counter.0)" 0 "exceptions: nothing lost"
HOSTILE_LIMIT=64M
hostile "terminate" sh -c 'ulimit -c 0; exec "$@"' sh "$programs/hostile_exceptions" terminate
is "$(said exit.kind hostile)" 4 "terminate: ended by abort"

# What others see of it.
hostile "its own descriptors" ls /proc/self/fd
hostile "what they lead to" sh -c 'exec ls -l /proc/self/fd --time-style=+ | sed "s/.* //; s/plain/recorded/; s/pipe:.*/pipe/; s:/proc/[0-9]*:/proc/PID:"'
hostile "its own threads" sh -c 'ls /proc/self/task | wc -l'
hostile "its own signals" grep -E '^(Sig|Threads|Cap|Seccomp)' /proc/self/status
hostile "its own limits" cat /proc/self/limits
hostile "python, subprocess and threads" python3 -c '
import subprocess, threading, os, sys
def run(): print(subprocess.run(["echo", "hello"], capture_output=True, close_fds=True).stdout)
for _ in range(3): run()
ts = [threading.Thread(target=lambda: [bytearray(1000) for _ in range(2000)]) for _ in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]
print(os.listdir("/proc/self/fd"), sys.getsizeof([]))
pid = os.fork()
if pid == 0: os._exit(3)
print(os.waitpid(pid, 0)[1])'
hostile "perl" perl -e 'my %h; $h{$_} = "x" x ($_ % 300) for 1 .. 20000; print scalar(keys %h), "\n"; system("true"); print `echo out`; exit 5'
hostile "bash" bash -c 'for i in {1..200}; do x=$(echo $i); done; echo $x; trap "echo bye" EXIT; (exit 3); echo $?; exec -a name sh -c "echo \$0"'
if [ "$(id -u)" -eq 0 ]; then
    # Where the new user can read it, or its loader would rightly complain.
    chmod 711 . && cp "$recorder" . && chmod 755 libmemtrace.so
    recorder=$PWD/libmemtrace.so
    hostile "setpriv" setpriv --reuid=65534 --regid=65534 --clear-groups id -u
    hostile "unshare" unshare -m -p -f sh -c 'echo $$'
else
    skip 2 "not root"
fi
done_testing
