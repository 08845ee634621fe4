# The walk by frame records: by itself against libgcc's unwinder, and as the recorder's, where its stacks must be
# those of the default unwinder.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"

ok "the walk is libgcc's, and ends where records do" "$programs/frame_pointers"

cat >keeps.c <<'END'
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
void *volatile kept;
static __attribute__((noinline)) void allocate(unsigned size) { kept = malloc(size); free(kept); kept = NULL; }
static __attribute__((noinline)) void odd(unsigned n);
static __attribute__((noinline)) void even(unsigned n) { allocate(n + 1); if (n) odd(n - 1); kept = NULL; }
static __attribute__((noinline)) void odd(unsigned n) { allocate(n + 1); if (n) even(n - 1); kept = NULL; }
static void *in_thread(void *argument) { even(30); return argument; }
static void handler(int number) { (void)number; odd(3); }
static __attribute__((noinline)) void interrupted(void) { __asm__ volatile("syscall" : : "a"(200L), "D"(gettid()), "S"(10L) : "rcx", "r11", "memory"); kept = NULL; }
int main(void)
{
    pthread_t thread;
    for (unsigned i = 0; i < 100; i++) even(i);
    even(700);
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    signal(SIGUSR1, handler);
    interrupted();
    return 0;
}
END
keeps() {
    # 200, 10: tkill, SIGUSR1
    gcc -D_GNU_SOURCE -include unistd.h -O1 -g -fno-omit-frame-pointer -fno-optimize-sibling-calls keeps.c -o keeps -pthread
}
# The C library's own frames, which keep no records, lie outside of main and of the thread's first function; or inside,
# where it allocates itself.
stacks() {
    "$memtrace" flame --value allocations "$1" | sed 's/^.*;\(main;\)/\1/; s/^.*;\(in_thread;\)/\1/' | grep -E ';allocate [0-9]+$' | sort
}
header() {
    python3 "$TESTS/oracle/read_trace.py" header "$2" | sed -n "s/^$1=//p"
}
if [ "$(uname -m)" = x86_64 ] && keeps; then
    MEMTRACE_UNWINDER=cfi record cfi.mtr ./keeps
    MEMTRACE_UNWINDER=frame-pointer record records.mtr ./keeps
    is "$(header unwinder cfi.mtr) $(header unwinder records.mtr)" "1 3" "MEMTRACE_UNWINDER: the header says which"
    is "$(stacks records.mtr)" "$(stacks cfi.mtr)" "every stack up to main, or to a thread's function, is the default's"
    ok "... some hundreds of them" [ "$(stacks records.mtr | wc -l)" -ge 200 ]
    like "$(stacks records.mtr)" '^main;interrupted;[^;]*;handler;odd;even;allocate ' "... with what a signal interrupted"
    like "$(stacks records.mtr)" '^\[truncated\];' "... and one cut by the depth limit"
    readers_agree records.mtr "both readers print the same"
else
    skip 6 "the program is for x86-64"
fi

# Programs that keep none, and whose rbp is anything: shorter stacks, no fault, nothing else.
unchanged() {
    "$@" >plain.out 2>plain.err
    plain=$?
    MEMTRACE_UNWINDER=frame-pointer record any.%n.%p.mtr "$@" >recorded.out 2>recorded.err
    is "$? $(cat recorded.out recorded.err)" "$plain $(cat plain.out plain.err)" "${1##*/} runs the same"
}
for name in unwind_frames unwind_coroutines unwind_exceptions unwind_threads unwind_jit unwind_alternate_rbp; do
    unchanged "$programs/$name"
done
unchanged perl -e 'my %h; $h{"k$_"} = [split /,/, "a,b,$_"] for 1 .. 5000; print scalar %h, sort { $a <=> $b } map { $_->[2] } values %h'
unchanged sqlite3 :memory: 'create table t(a); with recursive c(x) as (select 1 union all select x + 1 from c where x < 3000)
    insert into t select x from c; create index i on t(a); select sum(a), count(distinct a % 7) from t'
PYTHONMALLOC=malloc unchanged /usr/bin/python3 -c 'import json, re; print(len(json.dumps([{"a": i} for i in range(3000)])))'
is "$(find . -name 'any.*.mtr' -size +64k | wc -l | tr -d ' ')" 9 "... and each has a trace"
done_testing
