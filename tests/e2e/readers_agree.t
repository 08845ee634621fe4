# Two readers, one written from docs/trace-format.md alone, print byte-identical lines for the traces of what the
# other end-to-end tests record.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"

for program in linked_list realloc_chain aligned failing cpp_containers leak_c leak_cpp quiet; do
    record $program.mtr "$programs/$program" >/dev/null
    readers_agree $program.mtr "$program"
done
record threads.mtr "$programs/threads_kill" counts 3000
readers_agree threads.mtr "four threads"

# Not by record: in the background a function is a shell of its own, and $! would be that shell.
LD_PRELOAD=$BUILD/libmemtrace.so MEMTRACE_OUTPUT=killed.mtr "$programs/threads_kill" killed.counts &
victim=$!
sleep 0.02
while [ ! -s killed.counts ]; do sleep 0.01; done
kill -9 $victim
wait $victim 2>/dev/null
readers_agree killed.mtr "killed at work"

seq 1 300 | sed 's/.*/{"id": &, "name": "item &"}/' >items.json
record sqlite3.mtr sqlite3 :memory: 'create table t(a); insert into t values (1), (2); select sum(a) from t;' >/dev/null
record perl.mtr perl -e 'my %h; $h{$_ % 97} .= "x$_" for 1 .. 1000; print scalar(keys %h), "\n"' >/dev/null
record jq.mtr jq -c .id items.json >/dev/null
record bash.mtr bash -c 'for ((i = 0; i < 300; i++)); do x+="$i"; done; echo ${#x}' >/dev/null
record xz.mtr xz -T1 -c items.json >/dev/null
for program in sqlite3 perl jq bash xz; do
    readers_agree $program.mtr "$program"
done

# A tree of processes: git and its children, a compiler, a pipeline, python's threads, a parallel make, fork and exec
# in every way.
mkdir tree
record "$PWD/tree/%n.%p.mtr" "$programs/fork_tree"
record "$PWD/tree/%n.%p.mtr" bash -c 'seq 1 100 | sort -n | tail -n 1' >/dev/null
record "$PWD/tree/%n.%p.mtr" git --version >/dev/null
echo 'int main(void) { return 0; }' >p.c
record "$PWD/tree/%n.%p.mtr" gcc -c p.c
record "$PWD/tree/%n.%p.mtr" python3 -c 'import json, threading
data = [{"a": i, "b": [str(i)] * 3} for i in range(500)]
threads = [threading.Thread(target=lambda: json.loads(json.dumps(data))) for _ in range(3)]
[one.start() for one in threads]; [one.join() for one in threads]'
printf 'all: a b c\na b c:\n\t@seq 50 | tail -n 1\n' >Makefile
record "$PWD/tree/%n.%p.mtr" make -j2 >/dev/null
for trace in tree/*.mtr; do
    # The name without the pid, so that a claim reads the same in every run.
    readers_agree "$trace" "tree: $(basename "$trace" .mtr | sed 's/\.[0-9]*\(\.[0-9]*\)*$//')"
done
ok "the tree had at least ten traces" [ "$(ls tree | wc -l)" -ge 10 ]
done_testing
