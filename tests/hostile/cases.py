"""The table of hostile cases: what is run, in what surroundings, what it tries, and how many blocks it allocates.

Truth is in the programs' sources, whose sizes nothing else in the process asks for. A program's own output is made
the same in every run: it says what it saw, not where.
"""

import re
from dataclasses import dataclass, field


@dataclass
class Case:
    group: str
    name: str
    command: list  # {programs}, {place} (the case's own folder), {python} are replaced
    checks: str
    status: object = 0  # of the plain run: an exit status, or -n after signal n
    says: str = ""  # a regular expression that the plain run prints, so that it did its work
    blocks: dict = field(default_factory=dict)  # {size: how many, or (least, most)}, in all traces together
    said: dict = field(default_factory=dict)  # {name in the file $SAID: size}, where the program counts
    traces: object = None  # how many, where that is certain
    stops: object = None  # why recording stops, as `memtrace metrics` says; several: any of them
    may_lose: bool = False  # events may be lost, and are counted
    setup: str = ":"  # shell commands before each run, in the run's directory
    redirect: str = ""
    prepare: str = ""  # shell commands before the first run, in the case's folder; failing means: cannot be tried
    cleanup: str = ""
    skip: str = ""  # what a failing preparation means
    needs: tuple = ()  # "root", commands, files
    preload: tuple = ()  # behind the recorder, and in the plain run
    environment: dict = field(default_factory=dict)
    output: str = ""  # MEMTRACE_OUTPUT
    limit: str = "256M"
    recorder: str = ""  # a copy of the recorder there is used
    other_user: bool = False  # the program becomes, or is, an ordinary user
    libunwind: bool = False  # once more with MEMTRACE_UNWINDER=libunwind
    hide: str = ""  # a regular expression for what differs between any two runs
    seconds: int = 30
    long: bool = False  # left out when each case is run only once

    def normalized(self, text):
        return re.sub(self.hide.encode(), b"?", text) if self.hide else text


CASES = []
REENTRANT = ("{programs}/libreentrant_malloc.so",)


def modes(group, program, rows, **common):
    """Cases of one program, named by its modes: (mode, what it checks, further fields)."""
    for mode, checks, *more in rows:
        fields = {**common, **(more[0] if more else {})}
        arguments = fields.pop("arguments", [])
        name = fields.pop("name", mode)
        CASES.append(Case(group, name, ["{programs}/" + program, mode] + arguments, checks, **fields))


def case(group, name, command, checks, **fields):
    CASES.append(Case(group, name, command if isinstance(command, list) else ["sh", "-c", command], checks, **fields))


# --- Processes: fork, clone, spawn, exec ---------------------------------------------------------------------------

modes("fork", "hostile_fork", [
    ("threads", "forks from three threads beside two that allocate", {"blocks": {801: 4500}, "traces": 46}),
    ("handler", "fork in a signal handler that interrupted malloc", {"blocks": {801: 6000}, "preload": REENTRANT}),
    ("handler_async_safe", "_Fork in such a handler", {"blocks": {801: 6000}, "preload": REENTRANT}),
    ("at_fork", "pthread_atfork handlers that allocate", {"blocks": {801: 1000, 833: 100, 832: 20}}),
    ("raw_fork", "fork by system call", {"blocks": {801: 1000}, "libunwind": True}),
    ("clone_child", "clone onto a stack of its own; CLONE_VM | CLONE_VFORK", {"blocks": {801: 200, 777: 20000}}),
    ("vfork_exit", "_exit in a vfork child", {"blocks": {777: 20000}, "traces": 1}),
    ("spawn", "posix_spawn, and of what is not there", {"says": "1792", "blocks": {801: 500, 777: 20000}}),
    ("generations", "a child's child's child", {"says": "", "blocks": {801: 500}}),
    ("quiet_child", "children that never allocate", {"traces": 1}),
], says="alive")
modes("fork", "hostile_process", [
    ("daemon_kept", "daemon(), descriptors kept", {"blocks": {777: 20000, 801: 100, 802: 100}, "says": "a daemon.*leader"}),
    ("daemon_apart", "daemon(), descriptors to /dev/null", {"blocks": {777: 20000, 801: 100, 802: 100}}),
    ("clone_memory", "clone with CLONE_VM alone", {"blocks": {777: 20000, 801: 1000}, "traces": 1}),
    ("clone_shares", "clone that shares descriptors, directory, or waits", {"blocks": {777: 20000, 801: 400}}),
    ("clone_three", "clone3 by system call", {"blocks": {777: 20000, 801: 500}}),
    ("spawn_from_threads", "posix_spawn with actions and attributes in four threads", {"blocks": {777: 20000, 801: 3200}}),
    ("shells", "popen, pclose, system, and no other child to wait for", {"blocks": {777: 20000}, "says": "4 300 500\n-1 10"}),
    ("title", "argv and environ overwritten, then forks", {"blocks": {777: 20000, 801: 500}}),
], says="alive")
modes("fork", "hostile_exec", [
    ("chain", "four images of one process", {"blocks": {822: 200}, "traces": 4}),
    ("variants", "all nine functions of exec", {"says": "8: 1536", "blocks": {823: 90, 821: 900}}),
    ("failing", "exec that fails, 1,000 times", {"says": "-1 8", "blocks": {777: 40000}}),
    ("vfork_failing", "vfork and exec that fails", {"says": "alive", "blocks": {824: 5000}, "libunwind": True}),
    ("vfork_exec", "vfork and exec", {"says": "1536", "blocks": {777: 20000, 821: 100}}),
], setup="mkdir -p decoys/directory/hostile_exec decoys/plain && echo text >decoys/plain/hostile_exec &&"
         "printf '\\177NOT' >decoys/not-elf && chmod +x decoys/not-elf")
modes("fork", "hostile_process", [
    ("exec_from_thread", "exec in a thread beside others that allocate",
     {"says": "alive", "blocks": {777: 20000, 802: 100, 803: 100}, "traces": 2}),
    ("exec_cleared", "exec with an empty environment", {"blocks": {802: 100}, "traces": 1}),
    ("exec_after_clearenv", "clearenv, then exec", {"blocks": {802: 100}, "traces": 1}),
], says="0 variables")

# --- The ends of a process ------------------------------------------------------------------------------------------

modes("ends", "hostile_exit", [
    ("by_return", "main returns", {"status": 11}),
    ("by_exit", "exit", {"status": 12}),
    ("with_handlers", "atexit handlers that allocate", {"status": 13, "blocks": {777: 20000, 840: 10}}),
    ("by_quick_exit", "quick_exit with a handler that allocates", {"status": 14, "blocks": {777: 20000, 840: 10}}),
    ("by__exit", "_exit", {"status": 15}),
    ("by__Exit", "_Exit", {"status": 16}),
    ("by_system_call", "exit_group by system call", {"status": 17}),
    ("by_abort", "abort", {"status": -6}),
    ("abort_survived", "a handler of SIGABRT that jumps out", {"status": 18, "blocks": {777: 40000}}),
    ("killed", "SIGKILL", {"status": -9}),
    ("by_trap", "SIGILL", {"status": -4}),
    ("stack_overflow", "the stack at its end, in malloc or not", {"status": -11}),
    ("stack_overflow_caught", "caught on a signal stack, by a handler that allocates",
     {"status": 19, "blocks": {777: 20000, 841: 10}}),
    ("beside_threads", "exit beside threads that allocate", {"status": 20, "blocks": {777: 20000, 843: 2000}, "limit": "64M"}),
    ("from_thread", "exit in a thread", {"status": 21, "blocks": {777: 20000, 844: 100}}),
    ("main_thread_first", "pthread_exit in main", {"says": "the last thread", "blocks": {777: 20000, 845: 20000}}),
    ("in_handler", "exit in a signal handler", {"status": 22}),
], blocks={777: 20000})
modes("ends", "hostile_process", [
    ("fault", "a handler of SIGSEGV that allocates and raises it again", {"status": -11, "blocks": {777: 20000, 806: 10}, "says": "caught"}),
    ("stopped", "SIGSTOP and SIGCONT at 200 moments", {"says": "alive", "blocks": {777: 20000, 801: 100}}),
    ("traced", "stopped at every system call by ptrace", {"says": "alive", "blocks": {777: 20000, 801: 100}}),
])
case("ends", "core", "ulimit -c unlimited; exec {programs}/hostile_exit by_trap", "a core is dumped", status=-4, blocks={777: 20000})

# --- Descriptors ----------------------------------------------------------------------------------------------------

modes("descriptors", "hostile_descriptors", [
    ("closes_from", "closefrom, close_range, close of all", {"blocks": {777: 60000}}),
    ("puts_over_all", "a file of the program's at every number", {"blocks": {777: 60000}, "says": "197 bytes"}),
    ("takes_again", "numbers closed and taken again while chunks come and go", {"blocks": {777: 60000}, "says": "lowest free"}),
    ("table_full", "RLIMIT_NOFILE reached, also in a fork child", {"blocks": {777: 40000}, "says": "lowest 40"}),
    ("lowest_in_threads", "the lowest free number, beside threads", {"says": "3, 0 times another", "blocks": {777: 20000}}),
    ("lowest_at_exit", "the same while another thread calls exit", {"blocks": {777: 20000, 801: 6000}}),
    ("lowest_at__exit", "or _exit", {"blocks": {777: 20000, 801: 6000}}),
    ("lowest_at_quick_exit", "or quick_exit", {"blocks": {777: 20000, 801: 6000}}),
    ("across_exec", "what an image finds open after exec", {"says": "descriptors", "blocks": {777: 20000}}),
], says="alive")
modes("descriptors", "hostile_limits", [
    ("all_closed", "every descriptor closed", {"status": 3, "says": ""}),
    ("exhausted", "no descriptor is left", {}),
    ("no_descriptors", "RLIMIT_NOFILE 0 from now on", {}),
    ("all_closed", "0, 1 and 2 closed from the start",
     {"name": "closed_from_the_start", "says": "", "status": 3, "redirect": "<&- >&- 2>&-"}),
    ("work", "one descriptor from the start", {"name": "one_descriptor", "setup": "ulimit -n 4"}),
], says="alive", blocks={777: 40000})
modes("descriptors", "hostile_identity", [
    ("process", "descriptors, threads, signals and limits that it sees of itself", {"blocks": {777: 50000}, "says": "TERM 0"}),
])
case("descriptors", "ls of /proc/self/fd", ["ls", "/proc/self/fd"], "what the kernel lists")
case("descriptors", "ls of /proc/self/task", "ls /proc/self/task | wc -l", "how many threads it lists", says="^1$")
case("descriptors", "status", ["grep", "-E", "^(Sig[^Q]|Threads|Cap|Seccomp)", "/proc/self/status"], "signals, rights and threads")
case("descriptors", "limits", ["cat", "/proc/self/limits"], "limits")
case("descriptors", "pipeline", "(ls /proc/self/fd; exec 5>&1; ls /proc/self/fd; ls /proc/self/fd | cat) 2>&1 | sort | uniq -c",
     "what shells pass on")

# --- Too little of everything ---------------------------------------------------------------------------------------

modes("limits", "hostile_limits", [
    ("file_size", "RLIMIT_FSIZE 4 KiB, SIGXFSZ not ignored", {}),
    ("address_space", "RLIMIT_AS 256 MiB", {}),
    ("data", "RLIMIT_DATA 32 MiB", {}),
    ("directory_gone", "the working directory is removed", {"blocks": {777: 40000, 861: 100}}),
    ("work", "RLIMIT_AS 40 MB from the start", {"name": "address_space_40M", "setup": "ulimit -v 40000"}),
    ("work", "RLIMIT_AS 9 MB from the start", {"name": "address_space_9M", "setup": "ulimit -v 9000", "blocks": {}, "may_lose": True, "stops": ("no_memory", None)}),
    ("work", "RLIMIT_FSIZE 64 KiB from the start", {"name": "file_size_64K", "setup": "ulimit -f 128", "blocks": {}, "traces": 0}),
    ("plenty", "RLIMIT_FSIZE 512 KiB from the start",
     {"name": "file_size_512K", "setup": "ulimit -f 1024", "blocks": {777: (100, 399999)}, "stops": "limit"}),
    ("plenty", "the trace's own limit", {"name": "trace_limit", "limit": "512K", "blocks": {777: (100, 399999)}, "stops": "limit"}),
    ("work", "RLIMIT_STACK 128 KiB", {"name": "stack_128K", "setup": "ulimit -s 128"}),
    ("work", "RLIMIT_STACK unlimited: mappings from below", {"name": "stack_unlimited", "setup": "ulimit -s unlimited"}),
    ("work", "RLIMIT_MEMLOCK 0", {"name": "memlock_0", "setup": "ulimit -l 0"}),
    ("new_name", "the trace is moved away", {"arguments": ["{place}/traces"], "blocks": {}, "traces": None}),
    ("work", "MEMTRACE_OUTPUT leads nowhere", {"name": "output_nowhere", "output": "/no/such/folder/a.mtr", "blocks": {}, "traces": 0}),
    ("work", "MEMTRACE_OUTPUT is a folder", {"name": "output_folder", "output": "{place}/folder", "setup": "mkdir -p ../folder", "blocks": {}, "traces": 0}),
    ("work", "MEMTRACE_OUTPUT is a FIFO that nobody reads",
     {"name": "output_fifo", "output": "{place}/fifo", "setup": "rm -f ../fifo; mkfifo ../fifo", "blocks": {}, "traces": 0}),
    ("work", "MEMTRACE_OUTPUT is a device that is always full",
     {"name": "output_full_device", "output": "{place}/full", "setup": "[ -e ../full ] || mknod ../full c 1 7",
      "needs": ("root",), "blocks": {}, "traces": 0}),
    ("work", "MEMTRACE_OUTPUT in /proc", {"name": "output_proc", "output": "/proc/self/a.mtr", "blocks": {}, "traces": 0}),
    ("work", "a working directory that is gone at the start",
     {"name": "no_directory", "setup": "mkdir gone && cd gone && rmdir ../gone"}),
    ("work", "a relative name and a working directory that is gone",
     {"name": "no_directory_for_it", "output": "a.mtr", "setup": "mkdir gone && cd gone && rmdir ../gone", "blocks": {}, "traces": 0}),
    ("work", "one MB of arguments", {"name": "long_arguments", "setup": ":", "arguments": ["x" * 100000] * 10}),
    ("work", "one MB of environment", {"name": "long_environment", "environment": {"LONG%d" % i: "x" * 100000 for i in range(10)}}),
    ("work", "no environment but what the recorder needs", {"name": "short_environment", "setup": "for v in $(env | sed 's/=.*//'); do unset \"$v\"; done; PATH=/usr/bin:/bin"}),
    ("plenty", "a tmpfs of 1 MiB fills up",
     {"name": "tmpfs_full", "stops": "disk_full", "output": "{place}/disk/%n.%p.mtr", "limit": "64M", "needs": ("root",), "skip": "no tmpfs can be mounted",
      "prepare": "mkdir disk && mount -t tmpfs -o size=1M tmpfs disk", "setup": "rm -f ../disk/*",
      "cleanup": "umount disk", "blocks": {777: (100, 399999)}}),
    ("plenty", "a tmpfs that is full from the start",
     {"name": "tmpfs_full_before", "output": "{place}/disk/%n.%p.mtr", "needs": ("root",), "skip": "no tmpfs can be mounted",
      "prepare": "mkdir disk && mount -t tmpfs -o size=1M tmpfs disk && ! head -c 2M /dev/zero >disk/filler",
      "cleanup": "umount disk", "blocks": {}, "traces": 0}),
    ("plenty", "an ext4 with 320 KiB left",
     {"name": "ext4_full", "stops": "disk_full", "output": "{place}/disk/%n.%p.mtr", "limit": "64M", "needs": ("root", "mkfs.ext4"), "skip": "no loop mount",
      "prepare": "truncate -s 4M image && mkfs.ext4 -q image && mkdir disk && mount -o loop image disk && "
                 "{ cat /dev/zero >disk/filler; truncate -s -320K disk/filler; }",
      "setup": "rm -f ../disk/*.mtr", "cleanup": "umount disk", "blocks": {777: (100, 399999)}}),
    ("work", "a file system that is read-only",
     {"name": "read_only", "output": "{place}/disk/%n.%p.mtr", "needs": ("root",), "skip": "no tmpfs can be mounted",
      "prepare": "mkdir disk && mount -t tmpfs -o ro tmpfs disk", "cleanup": "umount disk", "blocks": {}, "traces": 0}),
], says="alive", blocks={777: 40000})
modes("limits", "hostile_heap", [
    ("until_refused", "RLIMIT_AS until malloc returns NULL", {"says": "most of it", "blocks": {777: 20000}, "limit": "64M"}),
])

# --- Users, namespaces, directories ---------------------------------------------------------------------------------

modes("rights", "hostile_limits", [
    ("chrooted", "chroot, then a child", {"needs": ("root",), "says": "alive", "blocks": {777: 40000}}),
    ("other_user", "setuid, then a child", {"needs": ("root",), "says": "alive", "blocks": {777: 40000, 861: (0, 100)}}),
    ("work", "an ordinary user", {"name": "ordinary_user", "needs": ("root", "setpriv"), "says": "alive", "blocks": {777: 40000},
                                  "setup": 'set --; cp {programs}/hostile_limits . && chmod 755 hostile_limits'}),
])
CASES[-1].command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "{place}/work/hostile_limits", "work"]
CASES[-1].other_user = True
case("rights", "set-user-ID", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "{place}/work/setuid", "work"],
     "secure execution: not recorded", needs=("root", "setpriv"), other_user=True, says="alive",
     setup="cp {programs}/hostile_limits setuid && chmod 4755 setuid", blocks={777: 0})
modes("rights", "hostile_process", [
    ("unshares", "unshare, of what only one thread may", {"blocks": {777: 20000}, "libunwind": True}),
    ("set_id_with_threads", "set*id beside threads", {"needs": ("root",), "blocks": {777: 20000}}),
    ("controls", "prctl: name, dumpable, no new privileges, subreaper", {"blocks": {777: 20000, 801: 100}}),
    ("no_written_code", "PR_SET_MDWE", {"blocks": {777: 20000}}),
    ("no_files", "Landlock: no file may be opened", {"blocks": {777: 20000}}),
    ("locked", "mlockall, of what comes, too", {"blocks": {777: 41000, 802: 2500000}, "says": "a small.*\na small"}),
    ("counts_tasks", "counts its threads in /proc", {"blocks": {777: 20000, 804: 20000}, "says": "1\n4\n1\n"}),
    ("reads_itself", "reads all memory that maps says it can", {"blocks": {777: 40000}, "says": "^0 pages"}),
    ("gives_back", "MADV_DONTNEED and MADV_FREE under its own arenas", {"blocks": {777: 30000}, "says": "^0 bad"}),
], says="alive")
case("rights", "setpriv", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "id", "-u"],
     "becomes another user and execs", needs=("root", "setpriv"), other_user=True, says="65534")
case("rights", "setpriv, recorder out of reach", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c",
     "echo ${LD_PRELOAD-none}; id -u"], "the next image's loader has nothing to complain of", needs=("root", "setpriv"),
     recorder="{place}/private/libmemtrace.so", prepare="mkdir -m 700 private", says="^none\n65534")
JAIL = "for f in /bin/ls $(ldd /bin/ls | grep -o '/[^ ]*'); do mkdir -p jail/${f%/*} && cp $f jail/$f || return; done"
case("rights", "chroot, dynamic", ["chroot", "jail", "/bin/ls", "/"], "chroot(2), then a program of the jail", setup=JAIL,
     needs=("root", "chroot", "ldd"), says="bin")
case("rights", "chroot, spawn", ["{python}", "-c", """
import os, subprocess
os.chroot("jail")
subprocess.run(["/bin/ls", "/"])
os.waitpid(os.posix_spawn("/bin/ls", ["ls", "/"], os.environ), 0)
os.waitpid(os.spawnv(os.P_NOWAIT, "/bin/ls", ["ls", "/"]), 0)"""], "vfork or fork, or posix_spawn, in the jail", setup=JAIL,
     needs=("root", "ldd"), says="bin")
case("rights", "unshare", ["unshare", "-m", "--propagation", "unchanged", "-p", "-f", "sh", "-c", "echo $$"], "namespaces of mounts and processes",
     needs=("root", "unshare"), says="^1$")
case("rights", "setarch", ["setarch", "-R", "{programs}/hostile_limits", "work"], "addresses that are not random",
     needs=("setarch",), says="alive", blocks={777: 40000})
case("rights", "chroot", "mkdir -p jail/bin jail/lib64 && cp {programs}/static_program jail/bin/p && exec chroot jail /bin/p",
     "chroot(8) and a static program", status=3, needs=("root", "chroot"))

# --- The allocator --------------------------------------------------------------------------------------------------

modes("heap", "hostile_identity", [
    ("allocator", "every function, every size: result, errno, usable size", {"says": "realloc\\(p, 0\\) 1", "blocks": {700: 20000}}),
    ("contents", "what is in the blocks", {"says": "^0 bad bytes"}),
])
modes("heap", "hostile_heap", [
    ("layout", "where 20,000 blocks lie, to the byte", {}),
    ("account", "mallinfo2, malloc_info, malloc_stats, malloc_trim", {"says": "trimmed: arena", "libunwind": False}),
    ("usable_written", "all of malloc_usable_size is written", {"says": "^0 bad bytes"}),
    ("errors", "errno of what succeeds and of what fails", {"says": "^33$"}),
    ("alignments", "every alignment up to 1 MiB", {"says": "^0 not aligned"}),
    ("ends", "atexit, keys, constructors and destructors that allocate",
     {"preload": ("{programs}/libhostile_ends.so",), "says": "as it was", "blocks": {777: 20000, 892: 1, 893: 1, 894: 1, 895: 100, 896: 2010}}),
    ("work", "MALLOC_PERTURB_", {"name": "perturbed", "environment": {"MALLOC_PERTURB_": "165"}, "blocks": {777: 20000}}),
    ("layout", "tunables of the C library: no caches, one arena",
     {"name": "tunables", "environment": {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1"}}),
    ("work", "mtrace of the C library's debugging allocator",
     {"name": "mtrace", "preload": ("libc_malloc_debug.so.0",), "environment": {"MALLOC_CHECK_": "3"}, "blocks": {777: 20000}}),
])
modes("heap", "hostile_identity", [
    ("contents", "another library's constructor calls all hooks before ours",
     {"name": "early", "preload": ("{programs}/libhostile_early.so",), "blocks": {891: 1}}),
])
case("heap", "own malloc", ["{programs}/hostile_own_malloc"], "an executable that defines malloc", status=7, traces=0)
case("heap", "static", ["{programs}/static_program"], "a static executable", status=3, traces=0)
for allocator, library in (("jemalloc", "libjemalloc.so.2"), ("tcmalloc", "libtcmalloc_minimal.so.4"), ("mimalloc", "libmimalloc.so.2.0")):
    path = "/usr/lib/x86_64-linux-gnu/" + library
    for program, mode, says, blocks in (("hostile_threads", "handed_over", "alive", {855: 20000}),
                                        ("hostile_fork", "threads", "alive", {801: 4500}),
                                        ("hostile_exit", "with_handlers", "handler of atexit", {777: 20000}),
                                        ("hostile_limits", "exhausted", "alive", {777: 40000})):
        case("heap", allocator + " " + mode, ["{programs}/" + program, mode], "preloaded behind the recorder",
             preload=(path,), needs=(path,), says=says, blocks=blocks, status=13 if mode == "with_handlers" else 0)
case("heap", "address sanitizer", ["{place}/sanitized"], "an executable with a sanitizer's allocator", status=5, says="alive",
     needs=("gcc",), skip="no static address sanitizer", environment={"ASAN_OPTIONS": "detect_leaks=0"},
     prepare="printf '#include <stdio.h>\\n#include <stdlib.h>\\nint main(void) { for (int i = 0; i < 1000; i++) "
             "free(malloc(100)); puts(\"alive\"); return 5; }\\n' >p.c && gcc -static-libasan -fsanitize=address -o sanitized p.c")

# --- Signals --------------------------------------------------------------------------------------------------------

modes("signals", "hostile_signals", [
    ("storm", "a handler that allocates, 10,000 times a second", {"said": {"handler": 803, "main": 804}, "libunwind": True}),
    ("two_storms", "two, each may interrupt the other", {"may_lose": True}),
    ("static_stack", "on a signal stack in static memory", {"long": True, "said": {"handler": 803, "main": 804}}),
    ("mapped_stack", "on one of 8 KiB in a mapping", {"said": {"handler": 803, "main": 804}}),
    ("local_stack", "on one in a frame of the thread's own", {"long": True, "said": {"handler": 803, "main": 804}}),
    ("jump", "siglongjmp out of malloc", {"said": {"second": 809}, "libunwind": True}),
    ("jump_from_signal_stack", "siglongjmp out of it from a signal stack", {"long": True, "said": {"second": 809}}),
    ("storm_over_threads", "into threads at their first event", {"said": {"handler": 803, "main": 804}}),
    ("cancel", "asynchronous cancellation in malloc", {"blocks": {804: (800, 1 << 40)}}),
], says="alive", preload=REENTRANT, limit="2G")
modes("signals", "hostile_handlers", [
    ("timers", "three timers, SIGALRM, SIGPROF, SIGVTALRM", {"blocks": {803: (300, 1 << 40)}, "may_lose": True}),
    ("guarded_signal_stack", "a signal stack of 8 KiB between guard pages", {"blocks": {803: (400, 1 << 40)}, "libunwind": True}),
    ("small_thread", "the same over a thread of 16 KiB", {"blocks": {803: (400, 1 << 40)}}),
    ("in_itself", "a handler in itself, 20 deep", {"may_lose": True}),
    ("switching", "a handler that lets a coroutine run", {"blocks": {805: (400, 1 << 40)}}),
    ("notification_threads", "a thread for each notification of a timer", {"blocks": {803: (100, 1 << 40)}}),
    ("waited_for", "sigwait and signalfd; none comes from us", {"blocks": {803: (100, 1 << 40)}}),
    ("mended_faults", "SIGSEGV that is mended, 1,000 times", {"blocks": {803: 2000, 804: 10000}}),
    ("ended_by_handler", "pthread_exit in a handler", {}),
], says="alive", preload=REENTRANT, limit="1G")

# --- Stacks ---------------------------------------------------------------------------------------------------------

modes("stacks", "hostile_stacks", [
    ("deep", "100,000 frames, three times", {"blocks": {777: 20000, 884: 30003}}),
    ("large_frames", "frames of 1 MiB between 20,000 small ones", {"blocks": {777: 20000, 884: 10005, 886: 2050}}),
    ("switched", "the stack pointer changed by hand; stacks that are unmapped", {"blocks": {885: 5000}, "libunwind": True}),
    ("at_the_edge", "the top of a mapping behind which there is none", {"blocks": {885: 170}, "libunwind": True}),
    ("guarded_array", "a stack in an array of the stack's own, between guard pages", {"blocks": {885: 1500}, "libunwind": True}),
    ("guarded_array_thread", "the same in a thread", {"blocks": {885: 1500}}),
    ("left_for_good", "a stack that is left for good and protected", {"blocks": {777: 20000, 885: 110, 886: 0}, "libunwind": True}),
    ("left_for_good_thread", "or unmapped, a thread's", {"blocks": {777: 20000, 885: 110, 886: 0}, "libunwind": True}),
    ("generated_code", "code without a table, and frame pointers that are none", {"blocks": {885: 3300}, "libunwind": True}),
    ("generated_code_thread", "the same in a thread", {"blocks": {885: 3300}}),
    ("coroutines_mapped", "800 coroutines by makecontext, their stacks unmapped", {"blocks": {885: 32000, 886: 32000}, "libunwind": True}),
    ("thread_stacks_unmapped", "threads on stacks that are unmapped behind them", {"blocks": {885: 6000}}),
    ("jumps_between_stacks", "longjmp from stack to stack", {"blocks": {885: 50500, 886: 0}, "libunwind": True}),
], says="alive")
modes("stacks", "hostile_identity", [
    ("coroutines", "coroutines in the heap and in the stack", {"blocks": {880: 200, 881: 200}}),
    ("jumps", "longjmp over 50 frames", {"blocks": {883: 0}}),
    ("deep", "20,000 frames on the initial stack", {"name": "deep_initial", "says": "20", "blocks": {884: 20001}}),
    ("wild_frame_pointer", "malloc with a frame pointer that is no frame's", {"blocks": {885: 7}}),
], says="alive")
case("stacks", "stack use", ["{programs}/hostile_stack"], "jobs on stacks of their own", says="alive")
case("stacks", "exceptions", ["{programs}/hostile_exceptions"], "thrown through callers of malloc, rethrown, in threads",
     blocks={890: 13650}, libunwind=True)
case("stacks", "terminate", ["{programs}/hostile_exceptions", "terminate"], "an exception that nobody catches",
     status=-6, says="terminate called", setup="ulimit -c 0")
modes("stacks", "hostile_cpp", [
    ("from_signals", "exceptions out of a signal handler", {"says": "^300$", "blocks": {897: 602}, "libunwind": True}),
    ("through_c", "exceptions out of the C library's qsort", {"says": "^100$"}),
    ("in_threads", "nested, in eight threads, and carried into another", {"says": "^808$", "libunwind": True}),
    ("foreign", "another language's exceptions", {"says": "^300$", "blocks": {897: 302}}),
    ("backtraces", "the program counts its own frames", {"says": "^alive", "libunwind": True}),
    ("forced", "cancellation as an exception", {"says": "^400$", "libunwind": True}),
    ("locals", "thread_local and static objects whose destructors allocate", {"says": "^alive, by an operator"}),
])

# --- Threads --------------------------------------------------------------------------------------------------------

modes("threads", "hostile_threads", [
    ("short_lives", "2,000 threads one after the other", {"blocks": {806: 20000}}),
    ("ten_thousand", "10,000 threads, eight at a time", {"blocks": {806: 10000}}),
    ("detached", "1,000 threads that nobody joins; main leaves by pthread_exit", {"says": "main leaves", "blocks": {806: 9900, 807: 20000}}),
    ("sixty_four", "64 at once", {"blocks": {807: 128000}}),
    ("small_stacks", "stacks of 16 KiB", {"blocks": {850: 6000, 852: 6000, 853: 6000}, "libunwind": False}),
    ("same_stack", "one stack for one thread after the other", {"blocks": {854: 200}}),
    ("handed_over", "one allocates, another frees", {"blocks": {855: 20000}}),
    ("cancel", "cancellation with clean-up handlers that allocate", {}),
    ("all_keys", "all 1,024 keys are the program's; destructors allocate", {"says": "1024 keys", "blocks": {859: 50}}),
], says="alive")

# --- Libraries that come and go -------------------------------------------------------------------------------------

modes("modules", "hostile_modules", [
    ("turns", "two libraries take turns at one address", {"says": "at one address", "blocks": {862: 500, 863: 500}}),
    ("beside_threads", "the same beside threads that allocate", {"blocks": {862: 1000, 863: 1000}}),
    ("in_threads", "four threads open and close the same two", {"blocks": {862: 2000, 863: 2000}, "libunwind": True}),
    ("own_namespace", "dlmopen", {"blocks": {777: 20000}}),
    ("errors", "dlerror is the program's", {"says": "0 1"}),
    ("defines_malloc", "a library that defines malloc, RTLD_DEEPBIND", {"says": "100 of its own", "blocks": {777: 20000}}),
    ("many", "200 libraries; static thread-local storage used up", {"says": "200 more", "blocks": {862: 1000}}),
], says="alive", arguments=["{programs}"])
modes("modules", "hostile_modules", [
    ("turns", "LD_BIND_NOW", {"name": "bind_now", "environment": {"LD_BIND_NOW": "1"}}),
], says="at one address", arguments=["{programs}"], blocks={862: 500, 863: 500})
case("modules", "by the loader", ["/lib64/ld-linux-x86-64.so.2", "{programs}/hostile_limits", "work"],
     "the loader as a command", needs=("/lib64/ld-linux-x86-64.so.2",), says="alive", blocks={777: 40000})

# --- Sandboxes ------------------------------------------------------------------------------------------------------

modes("sandbox", "hostile_sandbox", [
    ("kill_all_but_own", "a filter that kills for all but the program's own calls", {"stops": "sandbox"}),
    ("kill_through_syscall", "put up by syscall(SYS_seccomp)", {"stops": "sandbox"}),
    ("two_filters", "one after the other", {"stops": "sandbox"}),
    ("refuse_mremap", "one call is refused with EPERM", {"stops": "sandbox"}),
    ("kill_all_but_the_three", "all but the recorder's three calls kill", {"blocks": {777: 20000}}),
    ("steady", "what it needs now and then kills", {"blocks": {777: 20000}}),
    ("allow_all", "a filter that allows everything", {"blocks": {777: 20000}}),
    ("refused", "a filter that the kernel does not take", {"blocks": {777: 20000}}),
    ("trapped", "a filter that raises SIGSYS, counted by a handler that allocates", {"stops": "sandbox"}),
    ("strict", "strict mode", {"stops": "sandbox", "blocks": {777: 1}, "status": 3}),
    ("no_time_stamps", "PR_SET_TSC", {"stops": "sandbox", "blocks": {777: 0}}),
    ("user_dispatch", "system calls dispatched to the program", {"stops": "sandbox"}),
    ("thread_behind", "a thread that is born behind it", {"blocks": {777: 20000}}),
    ("fork_child", "put up by a fork child", {"stops": "sandbox", "traces": 2}),
    ("fork_behind", "a child that is born behind it", {"blocks": {778: 0, 777: 20000}}),
    ("vfork_child", "strict mode in a vfork child", {"blocks": {777: 20000}}),
    ("clone_with_stack", "syscall(SYS_clone) with a stack of its own", {"blocks": {779: 100}}),
    ("inherited", "a filter inherited before exec", {"blocks": {777: 20000}}),
])

# --- Other people's programs -----------------------------------------------------------------------------------------

case("programs", "python", ["{python}", "-c", """
import subprocess, threading, os, sys
def run(): print(subprocess.run(["echo", "hello"], capture_output=True, close_fds=True).stdout)
for _ in range(3): run()
ts = [threading.Thread(target=lambda: [bytearray(1000) for _ in range(2000)]) for _ in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]
print(os.listdir("/proc/self/fd"), sys.getsizeof([]))
pid = os.fork()
if pid == 0: os._exit(3)
print(os.waitpid(pid, 0)[1])"""], "subprocess, threads, fork", says="768")
case("programs", "python pools", ["{python}", "-c", """
import multiprocessing, concurrent.futures, signal, faulthandler
def f(x): return x * x
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(3) as pool: print(sum(pool.map(f, range(1000))))
    with concurrent.futures.ThreadPoolExecutor(8) as pool: print(sum(pool.map(f, range(1000))))
    print(signal.getsignal(signal.SIGSEGV), faulthandler.is_enabled())"""], "pools of processes and threads", says="332833500")
case("programs", "perl", ["perl", "-e", 'my %h; $h{$_} = "x" x ($_ % 300) for 1 .. 20000; print scalar(keys %h), "\\n"; '
     'system("true"); print `echo out`; $SIG{ALRM} = sub { die "alarm\\n" }; eval { alarm 1; select(undef, undef, undef, 5) }; print $@; exit 5'],
     "a large hash, a signal, children", status=5, says="alarm", needs=("perl",))
case("programs", "bash", ["bash", "-c", 'for i in {1..200}; do x=$(echo $i); done; echo $x; trap "echo bye" EXIT; (exit 3); echo $?; '
     'exec -a name sh -c "echo \\$0"'], "substitutions, traps, exec", says="name", needs=("bash",))
case("programs", "gcc", "printf 'int main(void) { return 0; }\\n' >p.c && gcc -O2 -g -c p.c && cksum <p.o && gcc p.c -o p && ./p; echo $?; "
     "echo 'int main(void) { return x; }' | gcc -xc - -o q", "compiler driver, vfork and temporary files", status=1,
     says="undeclared", needs=("gcc",))
case("programs", "make", "printf 'all: a b c d e f\\n%%: ; @sleep 0.0$$(echo $@ | tr a-f 2-7); ls /proc/self/fd | wc -l >$@.out; echo $@ >>log\\n' >Makefile; "
     "make -s -j3; sort log; cat *.out | sort | uniq -c", "a jobserver's descriptors", says="7 4", needs=("make",))
case("programs", "nested make", "printf 'all: x y\\nx y: ; +@$(MAKE) -s -f two\\n' >Makefile; printf 'all: p q r\\np q r: ; @echo $$MAKEFLAGS | grep -o jobserver\\n' >two; "
     "make -s -j2", "a jobserver that is handed on", says="jobserver", needs=("make",))
case("programs", "xargs", "seq 1 60 | xargs -P 3 -n 5 sh -c 'echo $#' | sort | uniq -c", "children in parallel", says="12 4")
case("programs", "sort", "seq 1 60000 | sort -R --random-source=/bin/ls | sort -n --parallel=4 -S 200K | cksum",
     "threads and temporary files", says="")
case("programs", "tar", "mkdir d; seq 1 20000 >d/a; cp d/a d/b; tar -cf - --mtime=@0 --owner=0 --group=0 --sort=name d | gzip -n | cksum; "
     "tar -czf x.tgz d; tar -tzf x.tgz", "pipes and a compressor", says="d/b")
case("programs", "sqlite", "sqlite3 a.db 'create table t(x); with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000) "
     "insert into t select x from c; select count(*), sum(x) from t; pragma integrity_check'", "file locks", says="ok", needs=("sqlite3",))
case("programs", "jq", "jq -n '[range(20000)] | map(. * 2) | add'", "a deep interpreter", says="399980000", needs=("jq",))
case("programs", "gdb", "gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex 'break allocate' -ex run -ex bt -ex 'delete' -ex continue --args {programs}/hostile_limits work 2>/dev/null "
     "| grep -aE '^(#0|Breakpoint 1,|alive|.Inferior)' | sed 's/(process [0-9]*)//'", "under a debugger", says="alive", needs=("gdb",))
case("programs", "strace", "strace -f -o /dev/null {programs}/hostile_process exec_from_thread; strace -f -qq -e trace=none -e signal=none {programs}/hostile_fork generations",
     "under strace", says="alive", needs=("strace",))
case("programs", "valgrind", ["valgrind", "-q", "--error-exitcode=9", "{programs}/hostile_threads", "handed_over"], "under valgrind, whose mremap cannot duplicate",
     says="alive", stops=("no_memory", None), may_lose=True, needs=("valgrind",))
case("programs", "nohup", "nohup {programs}/hostile_limits work >o 2>e; cat o e; nice -n 5 {programs}/hostile_limits work; timeout 0.2 sleep 5; echo $?",
     "wrappers", says="124")
case("programs", "git", "export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null HOME=$PWD GIT_AUTHOR_DATE=2020-01-01T00:00:00Z "
     "GIT_COMMITTER_DATE=2020-01-01T00:00:00Z GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=n@e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=n@e; "
     "git init -q -b main . && seq 300 >f && git add . && git commit -q -m one && seq 9 400 >f && git diff --stat && git commit -q -a -m two && "
     "git gc -q && git log --format=%H && git fsck", "objects, children, descriptors", needs=("git",), says="[0-9a-f]{40}")
case("programs", "node", ["node", "-e", """
const { Worker } = require('worker_threads'), { execFileSync } = require('child_process'), crypto = require('crypto');
let sum = 0; for (let i = 0; i < 300000; i++) sum += JSON.parse(JSON.stringify({ a: [i, 'x'.repeat(i % 9)] })).a[0];
console.log(sum, execFileSync('echo', ['child']).toString());
crypto.pbkdf2('p', 's', 5000, 16, 'sha256', (e, k) => console.log(k.toString('hex')));
for (let i = 0; i < 3; i++) new Worker('let n = 0; for (let i = 0; i < 1e5; i++) n += [i].length; process.exitCode = n & 1', { eval: true });
try { (function f() { f(); })(); } catch (e) { console.log(e.message); }
process.on('exit', () => console.log('exit'));"""], "generated code, workers, a stack that overflows", says="exceeded", needs=("node",))
case("programs", "openssl", "openssl speed -seconds 1 -bytes 64 -multi 2 sha256 >/dev/null 2>&1; echo $?; echo text | openssl dgst -sha256",
     "children that report by pipes", long=True, needs=("openssl",), says="^0")
