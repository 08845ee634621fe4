#!/usr/bin/env python3
"""Do the recorder's stacks equal libunwind's? On real programs and on nasty ones, at every allocation.

    stack_agreement.py [--long] [--seed N] [--only NAME] [--damage] [--output FILE.csv]

Two ways: *live*, the recorder's unwinder and libunwind side by side in the program (libunwind_compare.so; also
in threads, handlers and process trees), with and without reuse of the previous stack; *recorded*, the trace of
libmemtrace.so itself against what libunwind saw at the same calls (libstack_oracle.so). Prints a table, and with
--output writes it as CSV. Exit status 1: a stack differs and no witness explains it, a program failed, or fewer
stacks than promised were compared. What counts as explained: docs/tests.md, "Stacks". Needs BUILD in the
environment; works in the current directory.
"""

import argparse
import collections
import csv
import os
import re
import shutil
import struct
import subprocess
import sys

BUILD = os.environ.get("BUILD", os.path.abspath("build"))
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = f"{BUILD}/tests/programs"
SOURCES = f"{TESTS}/programs"
TIME_LIMIT = 600

# As in libunwind_compare.c, enum counter, and trace_format.h, TRACE_COUNTER_*.
LIVE_COUNTERS = {
    "stacks": 0, "frames": 1, "different": 2, "signal": 6, "no_progress_ends": 13, "unmapped_ends": 12,
    "not_expressible": 16, "no_cfi": 17, "libunwind_alone": 18, "guessed": 19, "lucky": 20, "cut": 21,
}  # fmt: skip
LIVE_DEPTHS, DEPTH_NAMES = 24, ("1-8", "9-16", "17-32", "33-64", "65-128", "129-256", "257-512", "512+")
STACK_COUNTERS = {"cut": 3, "no_cfi": 4, "not_expressible": 5, "unmapped": 6, "frame_pointer": 7}
EXPLAINED = ("not_expressible", "no_cfi", "libunwind_alone")
COLUMNS = ("program", "way", "stacks", "frames", "equal", *EXPLAINED, "different", "guessed", "signal", "cut") + tuple(
    f"depth_{name}" for name in DEPTH_NAMES
)
ALLOCATION = re.compile(
    rb"\d+ (\d+) (?:malloc|calloc|realloc|reallocarray|realloc_null|reallocarray_null|posix_memalign|aligned_alloc"
    rb"|memalign|valloc|pvalloc) .*?size=(\d+) .*?address=(0x[0-9a-f]+) stack=(\S+)"
)


class Failed(Exception):
    """The program could not be compared."""


# --- witnesses -----------------------------------------------------------------------------------


class Readelf:
    """What readelf says of an address: no part of the recorder has a hand in it."""

    def __init__(self):
        self.rows = {}

    def table(self, path):
        """(start, end, CFA, return address) of every row of .eh_frame, in its order."""
        if path not in self.rows:
            text = subprocess.run(
                ["readelf", "--debug-dump=frames-interp", path], capture_output=True, text=True, errors="replace"
            ).stdout
            self.rows[path] = list(self.parse(text))
        return self.rows[path]

    @staticmethod
    def parse(text):
        names, row, end, inside = [], None, 0, False
        for line in text.splitlines():
            header = re.search(r" (FDE|CIE) ", line)
            fields = re.sub(r" \([^)]*\)", "", line).split()
            if header:
                if row:
                    yield row[0], end, row[1], row[2]
                row, inside = None, header[1] == "FDE"
                limits = re.search(r"pc=([0-9a-f]+)\.\.([0-9a-f]+)", line)
                end = int(limits[2], 16) if limits else 0
            elif fields and fields[0] == "LOC":
                names = fields[1:]
            elif inside and fields and re.fullmatch("[0-9a-f]{16}", fields[0]):
                values = dict(zip(names, fields[1:]))
                at = int(fields[0], 16)
                if row:
                    yield row[0], at, row[1], row[2]
                row = (at, values.get("CFA", "?"), values.get("ra", "u"))
        if row:
            yield row[0], end, row[1], row[2]

    def says(self, path, address):
        """'no CFI', 'other register' (CFA neither from rsp nor rbp) or 'ordinary'."""
        for start, end, cfa, _ in self.table(path):
            if start <= address < end:
                return "ordinary" if re.match(r"(rsp|rbp)[+-]|exp", cfa) else "other register"
        return "no CFI"


readelf = Readelf()


# --- the two ways --------------------------------------------------------------------------------


def execute(program, extra, said):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEMTRACE_")}
    environment.update(program.environment)
    environment.update(extra)
    with open("stdout", "wb") as out, open("stderr", "wb") as err:
        process = subprocess.Popen(program.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        try:
            status = process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failed(f"{said}: not done after {TIME_LIMIT} s")
    if status != 0:
        with open("stderr", errors="replace") as err:
            raise Failed(f"{said}: exit status {status}, {err.read()[-300:].strip()}")
    return process.pid


def live(program, reuse, **environment):
    """The row of PROGRAM, the unwinder and libunwind side by side."""
    for name in ("counters", "counters.log"):
        if os.path.exists(name):
            os.unlink(name)
    way = "live" if reuse else "live, no reuse"
    extra = {
        "LD_PRELOAD": f"{PROGRAMS}/libunwind_compare.so",
        "UNWIND_COMPARE_OUTPUT": os.path.abspath("counters"),
        **environment,
    }
    if reuse:
        extra["UNWIND_COMPARE_REUSE"] = "1"
    execute(program, extra, way)
    with open("counters", "rb") as file:
        counters = struct.unpack("32Q", file.read(256))
    row = {name: counters[place] for name, place in LIVE_COUNTERS.items()}
    row.update(program=program.name, way=way)
    for i, name in enumerate(DEPTH_NAMES):
        row[f"depth_{name}"] = counters[LIVE_DEPTHS + i]
    log = ""
    if os.path.exists("counters.log"):
        with open("counters.log", errors="replace") as file:
            log = file.read()
    # "Not expressible" is the unwinder's own word until readelf says the same of each place where it stopped.
    stops = re.findall(r"^stop not-expressible (\S+) (0x[0-9a-f]+)$", log, re.M)
    places = set()
    for path, address in stops:
        path = program.executable() if path == "/proc/self/exe" else path
        if not os.path.exists(path) or readelf.says(path, int(address, 16)) != "other register":
            row["different"] += row["not_expressible"]
            row["not_expressible"] = 0
            log += f"{path} {address}: readelf sees nothing special there\n"
            break
        places.add((path, address))
    if row["not_expressible"] and not places:
        row["different"] += row["not_expressible"]
        row["not_expressible"] = 0
    row["equal"] = row["stacks"] - row["different"] - sum(row[name] for name in EXPLAINED)
    return row, log


def oracle_entries(path):
    """pid to {(tid, size, address): stacks in the order of the calls}; a stack is (bytes of its frames, cut)."""
    entries = collections.defaultdict(lambda: collections.defaultdict(collections.deque))
    known = {}
    with open(path, "rb") as file:
        left = struct.unpack("<Q", file.read(8))[0] * 8
        while left > 0:
            who, size, address, depth = struct.unpack("<4Q", file.read(32))
            frames = file.read((depth >> 1) * 8)
            left -= 32 + len(frames)
            stack = (known.setdefault(frames, frames), depth & 1)
            entries[who >> 32][who & 0xFFFFFFFF, size, address].append(stack)
    return entries


def trace_header(trace):
    text = subprocess.run(
        [sys.executable, f"{TESTS}/oracle/read_trace.py", "header", trace], capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def damage(entries):
    """One frame of one of libunwind's stacks is another, as if the recorder were wrong: can the test tell?"""
    stacks = max(entries.values(), key=len)
    frames, cut = stacks[0]
    stacks[0] = (frames[:-8] + struct.pack("<Q", 0x1234), cut)


class Recorded:
    """What is found out of one program's traces."""

    def __init__(self):
        self.row = collections.Counter()
        self.log = []
        self.texts = {}
        self.modules = []  # start, end, bias, path

    def text(self, stack):
        text = self.texts.get(stack)
        if text is None:
            frames, cut = stack
            text = ",".join(hex(frame) for frame in struct.unpack(f"<{len(frames) // 8}Q", frames))
            text = self.texts[stack] = (text + (",..." if cut else "")).encode()
        return text

    def explain(self, ours, theirs):
        """The reason why OURS, a text, is the beginning of THEIRS, or 'different'."""
        if not theirs.startswith(ours + b","):
            return "different"
        last = int(ours.rsplit(b",", 1)[-1], 16) - 1
        for start, end, bias, path in reversed(self.modules):
            if start <= last < end:
                said = readelf.says(path, last - bias) if os.path.exists(path) else "no CFI"
                return {"other register": "not_expressible", "no CFI": "no_cfi"}.get(said, "different")
        return "no_cfi"

    def judge(self, ours, stack):
        row = self.row
        depth = len(stack[0]) // 8
        row["stacks"] += 1
        row["frames"] += depth
        row["cut"] += stack[1]
        bin_, limit = 0, 8
        while bin_ + 1 < len(DEPTH_NAMES) and (depth > limit or (stack[1] and depth == limit)):
            bin_, limit = bin_ + 1, limit * 2
        row[f"depth_{DEPTH_NAMES[bin_]}"] += 1
        theirs = self.text(stack)
        if ours == theirs:
            row["equal"] += 1
            return
        kind = self.explain(ours, theirs)
        row[kind] += 1
        if kind == "different" and len(self.log) < 5:
            self.log.append(f"trace:     {ours.decode()}\nlibunwind: {theirs.decode()}\n")

    def read(self, trace, entries):
        """Every allocation in TRACE against ENTRIES of its process, which are used up."""
        tids = {}
        self.modules = []
        dump = subprocess.Popen([f"{BUILD}/memtrace", "dump", trace], stdout=subprocess.PIPE)
        for line in dump.stdout:
            found = ALLOCATION.match(line)
            if found:
                thread, size, address, ours = found.groups()
                waiting = entries.get((tids[thread], int(size), int(address, 16)))
                if not waiting:
                    self.row["only_in_trace"] += 1
                    continue
                stack = waiting.popleft()
                if stack[0]:
                    self.judge(ours, stack)
            elif b" thread_start " in line:
                tids[line.split()[1]] = int(re.search(rb"tid=(\d+)", line)[1])
            elif b" module " in line:
                module = re.search(rb"start=(\S+) end=(\S+) bias=(\S+) .*path=(.*)$", line)
                self.modules.append((*(int(text, 16) for text in module.groups()[:3]), module[4].decode()))
        if dump.wait() != 0:
            raise Failed("memtrace dump failed")
        header = trace_header(trace)
        for name, number in STACK_COUNTERS.items():
            self.row[f"counted_{name}"] += int(header.get(f"counter.{number}", 0))


def recorded(program, damaged):
    """The row of PROGRAM, its trace against what libunwind saw."""
    shutil.rmtree("traces", ignore_errors=True)
    os.mkdir("traces")
    oracle_file = os.path.abspath("traces/oracle")
    pid = execute(
        program,
        {
            "LD_PRELOAD": f"{BUILD}/libmemtrace.so {PROGRAMS}/libstack_oracle.so",
            "STACK_ORACLE_OUTPUT": oracle_file,
            "MEMTRACE_OUTPUT": os.path.abspath("traces/%p.mtr"),
        },
        "recorded",
    )
    entries = oracle_entries(oracle_file)
    result = Recorded()
    if damaged:
        damage(entries[pid])
    images = sorted(  # of a process that calls exec, in the order of its images: 1.mtr, 1.1.mtr, 1.2.mtr
        (int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0, name)
        for name in os.listdir("traces")
        if name.endswith(".mtr")
        for numbers in [name[:-4].split(".")]
    )
    if pid not in [image[0] for image in images]:
        raise Failed("recorded: no trace")
    for number, _, name in images:
        result.read(f"traces/{name}", entries[number])
    missing = sum(1 for process in entries.values() for stacks in process.values() for stack in stacks if stack[0])
    row = {name: result.row[name] for name in COLUMNS if name not in ("program", "way")}
    row.update(program=program.name, way="recorded", missing=missing, only_in_trace=result.row["only_in_trace"])
    row["guessed"] = result.row["counted_frame_pointer"] + result.row["counted_no_cfi"]
    for kind in ("not_expressible", "no_cfi"):  # the recorder must have said so itself
        if row[kind] > result.row[f"counted_{kind}"]:
            row["different"] += row[kind]
            row[kind] = 0
    shutil.rmtree("traces")
    return row, "".join(result.log)


# --- programs ------------------------------------------------------------------------------------


class Program:
    """COMMAND as `name` in the table. MINIMUM: of stacks in each way. BUILD: a command that makes what COMMAND needs."""

    def __init__(self, name, command, minimum, ways=("live", "recorded"), environment=None, build=None):
        self.name, self.command, self.minimum, self.ways = name, command, minimum, ways
        self.environment, self.build = environment or {}, build

    def obstacle(self):
        """Build it. Why it cannot run here, or None."""
        if self.build:
            if not shutil.which(self.build[0]):
                return f"no {self.build[0]}"
            built = subprocess.run(self.build, capture_output=True, text=True, errors="replace")
            if built.returncode != 0:
                return "not built: " + (built.stderr.strip().splitlines() or ["?"])[-1]
        return None if shutil.which(self.command[0]) else "not on this machine"

    def executable(self):
        return os.path.realpath(shutil.which(self.command[0]) or self.command[0])


SQL = """create table t(a, b);
with recursive c(x) as (select 1 union all select x + 1 from c where x < {n}) insert into t select x, hex(randomblob(20)) from c;
create index i on t(b); select count(*), max(b) from t where b like '%AB%' group by a % 10;
select json_group_array(json_object('k', a, 'v', b)) from t where a % 7 = 0; select t.a from t join t as u on t.b = u.b limit 9;"""
PERL = r"""my (%h, $n); $h{"k$_"} = [split /,/, "a,b,$_"] for 1 .. SIZE; for (sort keys %h) { $n += length join "-", @{$h{$_}};
s/k(\d+)/x$1/ } my $f; $f = sub { my $d = shift; return $d ? [$f->($d - 1), "$d"] : [] }; $f->(200) for 1 .. 20; print $n;"""
PYTHON = """import json, re, ast, decimal, ctypes
data = [{"a": i, "b": [str(j) for j in range(10)]} for i in range(SIZE)]
json.loads(json.dumps(data)); re.compile("(a|b)*c[0-9]+").findall("abc1" * 99); ast.parse("x = 1\\n" * (SIZE // 3))
def deep(n): return [deep(n - 1), str(n)] if n else []
for _ in range(SIZE // 50): deep(90)
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 60)(*(i * 7 % 60 for i in range(60)))
ctypes.CDLL(None).qsort(numbers, 60, 4, compare(lambda a, b: int(str(a[0])) - int(str(b[0]))))
"""
JAVASCRIPT = """let a = []; for (let i = 0; i < 20000; i++) a.push({x: 'k' + i, y: [i, String(i)]});
JSON.parse(JSON.stringify(a)); a.sort((p, q) => p.x < q.x ? -1 : 1);"""
JAVA = """public class Maps { public static void main(String[] a) { java.util.Map<String, Integer> m = new java.util.HashMap<>();
for (int i = 0; i < 100000; i++) m.put("k" + i, i); System.out.println(m.size()); } }"""
RUST = """use std::collections::{BTreeMap, HashMap};
fn deep(n: u32, into: &mut Vec<String>) { into.push(format!("level {n}")); if n > 0 { deep(n - 1, into) } }
fn main() {
    let mut map = HashMap::new(); let mut tree = BTreeMap::new();
    for i in 0..8000u32 { map.insert(format!("k{i}"), vec![i; (i % 9) as usize + 1]); tree.insert(i * 7 % 1000, Box::new(i)); }
    for n in 0..150 { let mut all = Vec::new(); deep(n, &mut all); assert!(all.len() as u32 == n + 1); }
    let threads: Vec<_> = (0..3).map(|t| std::thread::spawn(move || {
        let mut all = Vec::new(); for n in 0..60 { deep(n + t, &mut all) } all.len() })).collect();
    let sum: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
    std::panic::set_hook(Box::new(|_| {}));
    let caught = (0..50).filter(|n| std::panic::catch_unwind(|| { let text = format!("text {n}"); if n % 2 == 0 { panic!("{text}") } }).is_err()).count();
    println!("{} {} {sum} {caught}", map.len(), tree.len());
}
"""
TCL = """for {set i 0} {$i < 3000} {incr i} { set a($i) [string repeat x $i]; lappend l [expr {$i * 3}] }
proc deep n { if {$n} { list [deep [expr {$n - 1}]] $n } }
for {set i 0} {$i < 90} {incr i} { deep $i }; puts [llength $l]"""

GNUPLOT = """set term pngcairo
set output 'sine.png'
plot sin(x), '-' with lines
1 1
2 4
3 9
e
"""


def write(name, text):
    with open(name, "w") as file:
        file.write(text)
    return os.path.abspath(name)


def compiler_program(compiler, name):
    """cc1 or cc1plus, run as the driver would."""
    return subprocess.run([compiler, f"-print-prog-name={name}"], capture_output=True, text=True).stdout.strip()


def preprocess(compiler, source, into, *flags):
    return [compiler, "-E", "-P", "-w", "-o", into, *flags, f"{SOURCES}/{source}"]


def real_programs(long):
    def size(short_size, long_size):
        return str(long_size if long else short_size)

    # A recording holds what a live comparison does, and the trace besides.
    ways = ("live", "recorded") if long else ("recorded",)
    yield Program("sqlite3", ["sqlite3", ":memory:", SQL.format(n=size(1500, 12000))], 5000, ways)
    yield Program("perl", ["perl", "-e", PERL.replace("SIZE", size(300, 12000))], 5000, ways)
    yield Program(
        "python3", ["/usr/bin/python3", "-c", PYTHON.replace("SIZE", size(50, 1500))], 10000, ways,
        environment={"PYTHONMALLOC": "malloc"},
    )  # fmt: skip
    cc1 = [compiler_program("gcc", "cc1"), "-quiet", "-fpreprocessed", "-O2", "-o", "cc1.s", "cc1.i"]
    source = f"unwind_{'frames' if long else 'alternate_rbp'}.c"
    yield Program("gcc cc1", cc1, 6000, ways, build=preprocess("gcc", source, "cc1.i"))
    if not long:
        return
    cc1plus = [compiler_program("g++", "cc1plus"), "-quiet", "-fpreprocessed", "-O1", "-o", "cc1.s", "cc1.ii"]
    source = "unwind_exceptions.cpp"
    yield Program("gcc cc1plus", cc1plus, 50000, build=preprocess("g++", source, "cc1.ii", "-std=gnu++17"))
    clang = ["clang", "-cc1", "-O2", "-emit-obj", "-w", "-o", "clang.o", "-x"]
    build = preprocess("clang", "unwind_frames.c", "clang.i")
    yield Program("clang, C", [*clang, "cpp-output", "clang.i"], 10000, build=build)
    clang += ["c++-cpp-output", "-std=gnu++17", "-fcxx-exceptions", "-fexceptions", "clang.ii"]
    build = preprocess("clang++", source, "clang.ii", "-std=gnu++17")
    yield Program("clang, C++", clang, 50000, build=build)
    yield Program("gcc, all of it", ["gcc", "-O2", f"{SOURCES}/unwind_frames.c", "-o", "gcc.out"], 6000)
    lines = "".join(f'{{"a":{i},"b":["x{i}",{i}]}}\n' for i in range(6000))
    yield Program("jq", ["jq", "-s", "map(.b[0])|sort|length", write("jq.json", lines)], 30000)
    yield Program("bash", ["bash", "-c", "for i in {1..4000}; do a[$i]=$((i * 3)); b=\"$b.${a[$i]}\"; done"], 10000)
    yield Program("bash, a tree", ["bash", "-c", "for i in {1..300}; do a[$i]=$(echo $i | cat); done"], 20000)
    yield Program("gdb", ["gdb", "-batch", "-ex", "info functions malloc", f"{BUILD}/memtrace"], 10000)
    yield Program("tclsh", ["tclsh", write("deep.tcl", TCL)], 500)
    yield Program("node", ["node", "-e", JAVASCRIPT], 50000)
    yield Program("java", ["java", write("Maps.java", JAVA)], 20000)
    yield Program("openssl", ["openssl", "speed", "-seconds", "1", "sha256", "rsa2048"], 5000)
    yield Program("gnuplot", ["gnuplot", write("sine.gp", GNUPLOT)], 5000)
    yield Program("cppcheck", ["cppcheck", "--quiet", f"{SOURCES}/unwind_frames.c"], 20000)
    yield Program("make, a tree", ["make", "-n", "-C", os.path.dirname(TESTS), "build"], 10000)
    yield Program("git", ["git", "-C", os.path.dirname(TESTS), "log", "--stat", "-50"], 5000)
    for optimize in ("0", "3"):
        out = os.path.abspath(f"rust{optimize}")
        build = ["rustc", "--edition=2021", f"-Copt-level={optimize}", "-o", out, write("maps.rs", RUST)]
        yield Program(f"Rust, -O{optimize}", [out], 10000, build=build)


# Compilers and options that change how frames look, for programs whose sources are here.
SHORT_VARIANTS = (("gcc", "-O0"), ("gcc", "-O3 -fno-plt"), ("clang", "-O2"))
LONG_VARIANTS = tuple((compiler, f"-O{level}") for compiler in ("gcc", "clang") for level in "0123s") + (
    ("gcc", "-O2 -fno-omit-frame-pointer"), ("gcc", "-O3 -mavx2 -fno-plt -Wl,-z,now"), ("gcc", "-O2 -no-pie"),
    ("gcc", "-O2 -Wl,-z,noseparate-code"), ("gcc", "-O2 -static-libgcc"), ("gcc", "-O2 -fcf-protection=full"),
    ("gcc", "-O2 -fuse-ld=gold"), ("gcc", "-O2 -flto"), ("gcc", "-O1 -fstack-clash-protection -fstack-protector-all"),
    ("gcc", "-O2 -maccumulate-outgoing-args -mno-red-zone"), ("gcc", "-O2 -mtls-dialect=gnu2"),
    ("gcc", "-O2 -Wl,--section-start=.fini=0x20000000"),
    ("clang", "-O2 -fno-omit-frame-pointer"), ("clang", "-O3 -mavx2 -fno-plt"), ("clang", "-O2 -fuse-ld=lld"),
    ("clang", "-O2 -mstackrealign"), ("clang", "-O2 -fsplit-machine-functions"),
)  # fmt: skip


def variant_programs(long, seed):
    for number, (compiler, flags) in enumerate(LONG_VARIANTS if long else SHORT_VARIANTS):
        for source, minimum, arguments in (
            ("unwind_frames.c", 1500, []),
            ("unwind_exceptions.cpp", 3000, []),
            ("unwind_random.cpp", 8000, [str(seed + number), "20000" if long else "8000"]),
        ):
            name = f"{source.split('.')[0]}, {compiler} {flags}"
            out = os.path.abspath(f"variant_{number}_{source.split('.')[0]}")
            driver = {"gcc": "g++", "clang": "clang++"}[compiler] if source.endswith("cpp") else compiler
            build = [driver, "-w", "-g", "-D_GNU_SOURCE", "-pthread", "-fno-builtin-malloc", *flags.split(), "-o", out]
            build += ["-std=gnu++17"] if source.endswith("cpp") else ["-std=gnu11", "-fno-optimize-sibling-calls"]
            build += [f"{SOURCES}/{source}"]
            ways = ("live", "recorded") if long or arguments else ("live",)
            yield Program(name, [out, *arguments], minimum, ways, build=build)


def nasty_programs(long, seed):
    modules = [f"{PROGRAMS}/libunwind_module.so", f"{PROGRAMS}/libunwind_module_twin.so"]
    every = ("live", "live, no reuse", "recorded")
    for i in range(30 if long else 3):
        yield Program(f"unwind_random {seed + i}", [f"{PROGRAMS}/unwind_random", str(seed + i), "20000" if long else "6000"], 6000)
    yield Program("unwind_random, threads", [f"{PROGRAMS}/unwind_random", str(seed), "9000" if long else "3000", "4"], 12000)
    yield Program("unwind_coroutines", [f"{PROGRAMS}/unwind_coroutines"], 6000, every if long else ("recorded",))
    yield Program("unwind_alternate_rbp", [f"{PROGRAMS}/unwind_alternate_rbp"], 400, every if long else ("recorded",))
    yield Program("unwind_gap", [f"{PROGRAMS}/unwind_gap"], 1200, every if long else ("recorded",))
    yield Program("unwind_dlclose", [f"{PROGRAMS}/unwind_dlclose", *modules], 800, every if long else ("recorded",))
    if not long:
        return
    yield Program("unwind_threads", [f"{PROGRAMS}/unwind_threads"], 10000)
    yield Program("unwind_jit", [f"{PROGRAMS}/unwind_jit"], 300, every)
    yield Program("unwind_signals", [f"{PROGRAMS}/unwind_signals", "300"], 600, every, {"LD_BIND_NOW": "1"})
    yield Program("unwind_signals, lazy binding", [f"{PROGRAMS}/unwind_signals", "100"], 600, every)
    yield Program("cpp_containers", [f"{PROGRAMS}/cpp_containers"], 3000)


# --- the table -----------------------------------------------------------------------------------


def complaint(program, row):
    """What is wrong with ROW, or None."""
    if row["different"]:
        return f"{row['different']} stacks differ"
    if row["stacks"] < program.minimum:
        return f"only {row['stacks']} stacks were compared, {program.minimum} were promised"
    if row.get("missing"):
        return f"{row['missing']} calls are not in the trace"
    return None


def print_row(row):
    explained = sum(row[name] for name in EXPLAINED)
    shallow = sum(row[f"depth_{name}"] for name in DEPTH_NAMES[:4])
    deep = sum(row[f"depth_{name}"] for name in DEPTH_NAMES[4:-1])
    print(
        f"{row['program'][:50]:50} {row['way']:14} {row['stacks']:9} {row['equal']:9} {explained:9} {row['different']:9}"
        f" {row['guessed']:8} {row['signal']:8} {shallow:9} {deep:8} {row['depth_512+']:7}",
        flush=True,
    )


def compare(programs, only, damaged):
    """Rows of all PROGRAMS; prints them and what is wrong with them."""
    rows, wrong = [], []
    print(
        f"{'program':50} {'way':14} {'stacks':>9} {'equal':>9} {'explained':>9} {'different':>9} {'guessed':>8}"
        f" {'signal':>8} {'to 64':>9} {'to 512':>8} {'deeper':>7}"
    )
    for program in programs:
        if only and only not in program.name:
            continue
        obstacle = program.obstacle()
        if obstacle:
            print(f"# {program.name}: {obstacle}")
            if program.command[0].startswith(f"{BUILD}/"):
                wrong.append(f"{program.name}: '{program.command[0]}' is missing, make test-programs")
            continue
        for way in program.ways:
            try:
                row, log = recorded(program, damaged) if way == "recorded" else live(program, way == "live")
            except Failed as failure:
                wrong.append(f"{program.name}: {failure}")
                print(f"# {wrong[-1]}")
                continue
            rows.append(row)
            print_row(row)
            what = complaint(program, row)
            if what:
                wrong.append(f"{program.name}, {way}: {what}")
                print(f"# {wrong[-1]}\n{log}")
    return rows, wrong


def total(rows):
    sums = {name: sum(row.get(name, 0) for row in rows) for name in COLUMNS if name not in ("program", "way")}
    return {"program": "all", "way": "", **sums}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--long", action="store_true", help="everything, more than a million stacks")
    parser.add_argument("--seed", type=int, default=1, help="of the random walks")
    parser.add_argument("--only", metavar="NAME", help="programs whose names have this in them")
    parser.add_argument("--damage", action="store_true", help="falsify one stack of each recording: it must be seen")
    parser.add_argument("--output", metavar="FILE", help="write the table as CSV")
    options = parser.parse_args()
    programs = [
        program
        for group in (real_programs(options.long), nasty_programs(options.long, options.seed), variant_programs(options.long, options.seed))
        for program in group
    ]
    rows, wrong = compare(programs, options.only, options.damage)
    rows.append(total(rows))
    print_row(rows[-1])
    if options.output:
        with open(options.output, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", restval=0)
            writer.writeheader()
            writer.writerows(rows)
    if not rows[-1]["stacks"]:
        wrong.append("nothing was compared")
    if options.long and not options.only and rows[-1]["stacks"] < 1000000:
        wrong.append(f"only {rows[-1]['stacks']} stacks in all, a million were promised")
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
