# MEMTRACE_* in the environment: what it asks for is done, what makes no sense is said and changes nothing else.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
program=$programs/hostile_limits
# with "claim" VARIABLE=VALUE...: run with these variables; traces into traces/, output into out and err.
with() {
    claim=$1
    shift
    rm -rf traces dumps
    mkdir traces
    env LD_PRELOAD="$recorder" MEMTRACE_OUTPUT="$PWD/traces/%n.%p.mtr" MEMTRACE_LIMIT=64M "$@" "$program" work >out 2>err
    is "$? $(cat out)" "0 alive" "$claim: the program runs"
}
quiet() {
    is "$(cat err)" "" "$1: and nothing is said"
}
number() {
    ls traces | wc -l
}
with "MEMTRACE_DISABLE=1" MEMTRACE_DISABLE=1
is "$(number)" 0 "MEMTRACE_DISABLE=1: no trace"
quiet "MEMTRACE_DISABLE=1"
with "MEMTRACE_DISABLE=0" MEMTRACE_DISABLE=0
is "$(number)" 1 "MEMTRACE_DISABLE=0: a trace"
with "MEMTRACE_DISABLE empty" MEMTRACE_DISABLE=
is "$(number)" 1 "MEMTRACE_DISABLE empty: a trace"

with "MEMTRACE_IMAGES that match" 'MEMTRACE_IMAGES=no*,hostile_?imits'
is "$(ls traces | cut -d . -f 1)" hostile_limits "MEMTRACE_IMAGES that match: a trace of it alone"
with "MEMTRACE_IMAGES that do not" MEMTRACE_IMAGES=hostile_limit,limits
is "$(number)" 0 "MEMTRACE_IMAGES that do not: no trace"

with "MEMTRACE_DEPTH=2" MEMTRACE_DEPTH=2
read_traces
is "$(said depth_limit) $(cat dumps/*.dump | sed -n 's/.* malloc size=777 .*stack=//p' | awk -F, '{ print NF - ($NF == "...") }' | sort -u)" \
    "2 2" "MEMTRACE_DEPTH=2: two frames, and more are said to be"
for value in 0 4097 -1 deep '' 99999999999999999999999 2x; do
    with "MEMTRACE_DEPTH=$value" "MEMTRACE_DEPTH=$value"
    is "$(said depth_limit)" 512 "MEMTRACE_DEPTH=$value: 512"
    quiet "MEMTRACE_DEPTH=$value"
done
with "MEMTRACE_DEPTH=0, verbose" MEMTRACE_DEPTH=0 MEMTRACE_VERBOSE=1
like "$(cat err)" "MEMTRACE_DEPTH=0 .*512" "MEMTRACE_DEPTH=0, verbose: it is said"
like "$(cat err)" "^memtrace: trace [0-9]+ /.*\.mtr$" "verbose: where the trace is"
with "MEMTRACE_DEPTH=4096" MEMTRACE_DEPTH=4096
is "$(said depth_limit)" 4096 "MEMTRACE_DEPTH=4096: allowed"

for value in 1 0 none -5 10Q 99999999999G; do
    with "MEMTRACE_LIMIT=$value" "MEMTRACE_LIMIT=$value"
    counted ' malloc size=777 ' 40000 "MEMTRACE_LIMIT=$value: chosen by free space"
done
with "MEMTRACE_LIMIT=1MB" MEMTRACE_LIMIT=1MB
ok "MEMTRACE_LIMIT=1MB: kept" test "$(stat -c %s traces/*.mtr)" -le 1000000

mkdir named
for pattern in 'named/%n-%p-%h-%%.mtr' 'named/fixed.mtr' 'named/fixed.mtr' 'named/fixed' 'named/fixed' 'named/a.b/../c.mtr'; do
    with "MEMTRACE_OUTPUT=$pattern" "MEMTRACE_OUTPUT=$pattern"
done
is "$(ls named | grep -v fixed | sed "s/-[0-9][0-9]*-$(uname -n)-/-PID-HOST-/")" "hostile_limits-PID-HOST-%.mtr" \
    "MEMTRACE_OUTPUT: %n, %p, %h and %%"
# env is an image, too: it becomes the program in the same process.
is "$(ls named | grep fixed | sort | tr '\n' ' ')" "fixed fixed.1 fixed.1.mtr fixed.mtr " "MEMTRACE_OUTPUT: a name is never used twice"
is "$(stat -c %a named/fixed.mtr)" 400 "a trace is its owner's to read"
rm -f masked.mtr
LD_PRELOAD=$recorder MEMTRACE_OUTPUT=$PWD/masked.mtr MEMTRACE_IMAGES=hostile_limits sh -c 'umask 777; exec "$@"' sh "$program" work >out
is "$(stat -c %a masked.mtr)" 400 "whatever the umask"

with "MEMTRACE_UNWINDER=libunwind" MEMTRACE_UNWINDER=libunwind
counted ' malloc size=777 ' 40000 "MEMTRACE_UNWINDER=libunwind: every block"
with "MEMTRACE_UNWINDER=frame-pointer" MEMTRACE_UNWINDER=frame-pointer
counted ' malloc size=777 ' 40000 "MEMTRACE_UNWINDER=frame-pointer: every block"
is "$(said unwinder)" 3 "... by frame pointers"
with "MEMTRACE_UNWINDER=magic" MEMTRACE_UNWINDER=magic
is "$(said unwinder)" 1 "MEMTRACE_UNWINDER=magic: the default"

# The status file that `memtrace run` passes.
: >status
with "MEMTRACE_STATUS" MEMTRACE_STATUS=status
like "$(cat status)" "^trace [0-9]+ .*/hostile_limits\.[0-9]+\.mtr$" "MEMTRACE_STATUS: the trace's name"
: >status
with "MEMTRACE_STATUS and no trace" MEMTRACE_STATUS=status MEMTRACE_OUTPUT=/nowhere/a.mtr
like "$(cat status)" "^untraced [0-9]+ .*directory" "MEMTRACE_STATUS: why there is none"

# Secure-execution mode: the environment is not ours to believe.
if [ "$(id -u)" -eq 0 ]; then
    cp "$programs/hostile_limits" ./setuid && chmod 4755 setuid && chmod 777 . && mkdir -m 777 open
    setpriv --reuid=65534 --regid=65534 --clear-groups env LD_PRELOAD="$recorder" MEMTRACE_OUTPUT="$PWD/open/%p.mtr" \
        MEMTRACE_IMAGES=setuid ./setuid work >out 2>err
    is "$(cat out) $(ls open | wc -l)" "alive 0" "a set-user-ID program is not recorded"
else
    skip 1 "not root"
fi
done_testing
