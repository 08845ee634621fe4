# The stack of every allocation of real and of nasty programs, by the recorder's unwinder and by libunwind: the same
# frames, all of them. UNWIND_LIVE=all compares more (gcc's cc1, clang where it is installed, every allocation).
. "$TESTS/lib/tap.sh"
programs=$BUILD/tests/programs
library=$programs/libunwind_compare.so

# compare NAME COMMAND...: run it under the comparison; counters are left in $stacks, $different, ...
compare() {
    name=$1
    shift
    rm -f counters counters.log
    LD_PRELOAD=$library UNWIND_COMPARE_OUTPUT=$PWD/counters "$@" >said 2>complaints </dev/null
    status=$?
    set -- $(od -An -v -w256 -tu8 counters)
    stacks=$1 frames=$2 different=$3 shorter=$4 deep=$6 signals=$7
    limit=${10} no_cfi=${11} not_expressible=${12} unmapped=${13} no_progress=${14}
    explained=$((${17} + ${18} + ${19})) explained_not_expressible=${17}
    note "$name: $stacks stacks, $frames frames, $deep deeper than 64, $signals with a signal frame;" \
        "ended early: $limit depth, $no_cfi no CFI, $not_expressible not expressible, $unmapped unmapped"
}

# same NAME MINIMUM COMMAND...: no stack differs, at least MINIMUM were compared, the program did its work.
same() {
    minimum=$2
    compare_name=$1
    shift 2
    compare "$compare_name" "$@"
    if [ "$status" -eq 0 ] && [ "$stacks" -ge "$minimum" ] && [ "$different" -eq 0 ] && [ "$explained" -eq 0 ]; then
        pass "$name: the frames of all stacks are libunwind's"
    else
        fail "$name: $different and $explained of $stacks stacks (at least $minimum) differ from libunwind's, exit status $status"
        head -40 counters.log complaints >&2
    fi
}

every_program() {
same "alloca, variable arrays, realigned stacks, frame pointers or not, longjmp" 1500 "$programs/unwind_frames"
isnt "$limit" 0 "... stacks deeper than the limit are said to be cut"
UNWIND_COMPARE_DEPTH=200000
export UNWIND_COMPARE_DEPTH
same "a recursion 100,000 deep, walked to its end" 200 sh -c "ulimit -s 65536; exec '$programs/unwind_frames' 100000"
unset UNWIND_COMPARE_DEPTH
same "handlers on both stacks, interrupting anything" 600 env LD_BIND_NOW=1 "$programs/unwind_signals" 300
ok "... hundreds of stacks with a signal frame" [ "$signals" -ge 600 ]
# The loader's lazy binding keeps its CFA in rbx, which a walk does not follow: shorter stacks, each of them counted.
compare "handlers that interrupt lazy binding, too" "$programs/unwind_signals" 20
is "$status $different $shorter $explained_not_expressible" "0 0 $not_expressible $not_expressible" \
    "$name: nothing differs but the $not_expressible stacks that are counted as not expressible, which end early"
ok "... and there are some" [ "$not_expressible" -gt 0 ]
same "coroutines" 6000 "$programs/unwind_coroutines"
UNWIND_COMPARE_EVERY=20
export UNWIND_COMPARE_EVERY
same "threads with 16 KiB of stack, 1 MiB, and memory of their own" 10000 "$programs/unwind_threads"
unset UNWIND_COMPARE_EVERY
same "exceptions, templates, closures" 5000 "$programs/unwind_exceptions"
same "code made at run time, stacks switched with CFI" 300 "$programs/unwind_jit"
same "modules that take turns at one address" 900 "$programs/unwind_dlclose" \
    "$programs/libunwind_module.so" "$programs/libunwind_module_twin.so"
ok "... at one address" grep -Eq 'same_address=[1-9]' said
same "an executable with a gap between its segments" 1200 "$programs/unwind_gap"
is "$no_cfi" 0 "... whose CFI is found"
same "other callers by way of rbp alone" 400 "$programs/unwind_alternate_rbp"
}

# With reuse, and more of them: stack_agreement.t.
real_programs() {
sql='create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where x < 5000)
     insert into t select x, hex(randomblob(20)) from c; create index i on t(b);
     select count(*), max(b) from t where b like "%AB%" group by a % 10;'
same "sqlite3" 10000 sqlite3 :memory: "$sql"
UNWIND_COMPARE_EVERY=$([ "${UNWIND_LIVE-}" = all ] && echo 1 || echo 5)
export UNWIND_COMPARE_EVERY
same "perl" 20000 perl -e 'my (%h, $n); $h{"k$_"} = [split /,/, "a,b,$_"] for 1 .. 20000;
    for (sort keys %h) { $n += length join "-", @{$h{$_}}; s/k(\d+)/x$1/ } print $n'
PYTHONMALLOC=malloc same "python3" 10000 /usr/bin/python3 -c 'import json, re, ast, decimal
data = [{"a": i, "b": [str(j) for j in range(10)]} for i in range(500)]
json.loads(json.dumps(data)); re.compile("(a|b)*c[0-9]+").findall("abc1" * 99); ast.parse("x = 1\n" * 200)'
cat >some.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
struct s { int a; double b; struct s *next; };
int f(struct s *s) { int n = 0; for (; s; s = s->next) switch (s->a) { case 1: n += 2; break; case 9: n -= s->b;
    break; default: n += (int)sqrt(s->b); } return n; }
int main(int argc, char **argv) { struct s *s = calloc(argc, sizeof *s); for (int i = 0; i + 1 < argc; i++)
    s[i] = (struct s){atoi(argv[i]), i * 1.5, s + i + 1}; printf("%d\n", f(s)); free(s); return 0; }
END
UNWIND_COMPARE_EVERY=$([ "${UNWIND_LIVE-}" = all ] && echo 1 || echo 10)
same "gcc's cc1, as and ld" 5000 gcc -O2 some.c -o some -lm
if [ "${UNWIND_LIVE-}" = all ] && command -v clang >where; then
    same "clang" 10000 clang -O2 some.c -o some -lm
fi
unset UNWIND_COMPARE_EVERY
}

every_program
real_programs
UNWIND_COMPARE_REUSE=1
export UNWIND_COMPARE_REUSE
note "the same, the previous stack reused"
every_program
unset UNWIND_COMPARE_REUSE

UNWIND_COMPARE_KEEP_RULES=1
export UNWIND_COMPARE_KEEP_RULES
compare "the same, rules kept" "$programs/unwind_dlclose" \
    "$programs/libunwind_module.so" "$programs/libunwind_module_twin.so"
isnt "$different" 0 "... without unwind_flush stacks come out wrong: the test can tell"
unset UNWIND_COMPARE_KEEP_RULES

library=$programs/libunwind_compare_table.so
same "sqlite3, modules from a table of our own" 10000 sqlite3 :memory: "$sql"
same "modules that take turns, from a table of our own" 900 "$programs/unwind_dlclose" \
    "$programs/libunwind_module.so" "$programs/libunwind_module_twin.so"
done_testing
