# Programs run under the preload with byte-identical stdout, stderr and exit status. Each case is a script, run
# twice in the same fresh directory: plain, then recorded. Traces go elsewhere: a new file is the one thing a
# program could notice in its working directory.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"

ulimit -c 0
# same NAME STATUS SCRIPT: both runs are identical and end with STATUS, and the second one left traces.
same() {
    mkdir -p "traces.$1"
    printf '%s\n' "$3" >"$1.bash"
    for run in plain recorded; do
        rm -rf work && mkdir work
        # What this shell itself says of one that ends by a signal is not of interest.
        { (
            cd work || exit 1
            if [ $run = recorded ]; then
                export LD_PRELOAD="$BUILD/libmemtrace.so" MEMTRACE_OUTPUT="$OLDPWD/traces.$1/%n.%p.mtr"
            fi
            exec bash "../$1.bash" >"../$1.$run.stdout" 2>"../$1.$run.stderr" </dev/null
        ); } 2>>shell.stderr
        echo $? >"$1.$run.status"
    done
    differs=
    for what in stdout stderr status; do
        cmp -s "$1.plain.$what" "$1.recorded.$what" || differs="$differs $what"
    done
    [ "$(cat "$1.plain.status")" -eq "$2" ] || differs="$differs (the plain run ended with $(cat "$1.plain.status"))"
    [ -n "$(ls "traces.$1")" ] || differs="$differs (no trace was written)"
    if [ -z "$differs" ]; then
        pass "$1: same stdout, stderr and status ($(ls "traces.$1" | wc -l) traces)"
    else
        fail "$1: differs in$differs"
        diff "$1.plain.stderr" "$1.recorded.stderr" | sed 5q | sed 's/^/# /' >&2
    fi
}

same python_work 3 'python3 - <<"END"
import json, os, sys, threading, time
data = {str(i): list(range(i % 50)) for i in range(2000)}
text = json.dumps(data, sort_keys=True)
totals = []
threads = [threading.Thread(target=lambda n: totals.append(n * n), args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
for wait in range(200):  # a joined thread may still be on its way out of the kernel
    if len(os.listdir("/proc/self/task")) == 1: break
    time.sleep(0.01)
print(len(text), sum(totals), sorted(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")))
print("to stderr", file=sys.stderr)
sys.exit(3)
END'
same python_children 0 'python3 - <<"END"
import os, subprocess, sys
print(subprocess.run(["sh", "-c", "echo child; exit 4"], capture_output=True))
child = os.fork()
if child == 0:
    print("in the child", flush=True)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(os.waitstatus_to_exitcode(os.spawnlp(os.P_WAIT, "true", "true") << 8))
END'
same python_fault 1 'python3 -c "
def f(n): return f(n + 1)
f(0)"'
same abort_status 134 'exec python3 -c "import os; os.abort()"'
same killed_status 143 'exec python3 -c "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"'
same git 0 'export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null HOME=$PWD
export GIT_AUTHOR_DATE="2020-01-01T00:00:00Z" GIT_COMMITTER_DATE="2020-01-01T00:00:00Z"
git init -q -b main . && git config user.name n && git config user.email n@example.org
for i in 1 2 3 4 5; do seq $i 200 >file$i; git add . && git commit -q -m "change $i"; done
git log --stat; git rev-parse HEAD; seq 3 300 >file1; git diff; git gc -q; git fsck; git status --short'
same git_fault 128 'git --git-dir=/nonexistent log'
same gcc 0 'cat >p.c <<"END"
#include <stdio.h>
int main(void) { int unused; for (int i = 0; i < 3; i++) printf("%d\n", i); return 0; }
END
gcc -O2 -g -Wall -o p p.c && ./p && cksum p && g++ -x c++ -O1 -c -o q.o p.c && cksum q.o'
same gcc_fault 1 'echo "int main(void) { return x; }" >p.c; gcc -c p.c'
same bash_pipelines 5 'seq 1 20000 | awk "{ print \$1 % 97, \$1 }" | sort -n | uniq -c -w 3 | head -n 50
set -o pipefail; false | cat; echo "${PIPESTATUS[@]} $?"
cat <(echo one) <(echo two) | tee >(cat >copy) | tr a-z A-Z; sleep 0.1; cat copy
x=$(for i in {1..300}; do echo "line $i"; done | grep 7 | wc -l); echo "$x"
exec 9>&1; echo nine >&9; (exec 3</dev/null; ls /proc/self/fd)
ls /nonexistent; kill -l 9; exit 5'
same make_j2 0 'for i in 1 2 3 4 5 6 7 8; do echo "int f$i(int x) { return x * $i; }" >f$i.c; done
cat >Makefile <<"END"
objects := $(patsubst %.c,%.o,$(sort $(wildcard f*.c)))
all: lib.a; @nm lib.a; cksum $(objects)
lib.a: $(objects); @ar rcsD $@ $^
%.o: %.c; @gcc -O1 -c -o $@ $<
END
make -j2; make -j2; make -n nothing; true'
same make_fault 2 'printf "all:\n\tfalse\n" >Makefile; make'
same perl_sort 0 'perl -e "print join(qq(\n), sort { \$a <=> \$b } map { \$_ * 7 % 1009 } 1..3000), qq(\n); warn qq(warned\n)"'
same sh_limits 0 '(ulimit -n 16; ls / >/dev/null; python3 -c "print(open(\"/dev/null\").fileno())")
(ulimit -f 0; trap "" XFSZ; echo fine); (cd /; /bin/echo root); tar cf - -C .. make_j2.bash | tar tf -'
done_testing
