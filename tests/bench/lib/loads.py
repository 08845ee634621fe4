"""What is run: synthetic loads, programs of daily use, a server. Scaled so that one takes a few tenths of a second."""

import dataclasses
import os
import shlex
import shutil
import subprocess
import sys

PYTHON_LOAD = "import json; d=[{'a':i,'b':[str(i)]*5} for i in range(%d)]; assert json.loads(json.dumps(d))==d"
PERL_LOAD = "my %%h; for my $i (1..%d) { $h{\"k$i\"} = [split //, \"value $i\"]; } print scalar(keys %%h)"
SQL_LOAD = (
    "create table t(a integer primary key, b text); "
    "with recursive n(i) as (select 1 union all select i+1 from n where i<%d) "
    "insert into t select i, hex(randomblob(16)) from n; "
    "select count(*), max(length(b)) from t where b like '%%A%%'; select substr(b,1,2), count(*) from t group by 1;"
)
CPP_SOURCE = """#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <vector>
int main(int count, char **words)
{
    std::map<std::string, std::vector<int>> places;
    for (int at = 1; at < count; at++) places[words[at]].push_back(at);
    for (auto &[word, where] : places) std::cout << word << ' ' << where.size() << '\\n';
}
"""


@dataclasses.dataclass
class Load:
    name: str
    group: str                    # synthetic, program (counted in the bars), other
    command: list
    small: list = None            # the same in a tenth or less, for tools that are too slow for the whole
    environment: dict = dataclasses.field(default_factory=dict)
    threads: int = 1
    requests: int = 0             # a redis server: as many requests are sent to it
    memory_only: bool = False     # not timed: what is asked is how much memory recording takes


def synthetic(build, scale):
    programs = os.path.join(build, "tests/programs")

    def pairs(name, count, depth, threads=1, stacks=1, memory_only=False):
        command = [f"{programs}/load_pairs", str(int(count * scale)), str(depth), str(threads), str(stacks)]
        small = [command[0], str(int(count * scale / 25)), *command[2:]] if name == "pairs depth 20" else None
        return Load(name, "synthetic", command, small=small, threads=threads, memory_only=memory_only)

    return [
        pairs("pairs depth 10", 5e6, 10),
        pairs("pairs depth 20", 5e6, 20),
        pairs("pairs depth 40", 5e6, 40),
        pairs("pairs 1024 stacks", 3e6, 20, stacks=1024),
        pairs("pairs 2 threads", 2.5e6, 20, threads=2),
        pairs("pairs 4 threads", 1.25e6, 20, threads=4),
        pairs("pairs 8 threads", 6e5, 20, threads=8),
        Load("pairs in order", "synthetic", [f"{programs}/pair", str(int(1e7 * scale)), "20"]),
        Load("1000 short stacks", "synthetic", [f"{programs}/ten_million", str(int(4e6 * scale))]),
        Load("realloc", "synthetic", [f"{programs}/load_realloc", str(int(15000 * scale))]),
        pairs("131072 stacks depth 40", 3e6, 40, stacks=131072, memory_only=True),
    ]


def programs_of_daily_use(build, scale):
    def scaled(make, count):
        return {"command": make(int(count * scale)), "small": make(int(count * scale / 10) + 1)}

    return [
        Load("C++ containers", "program", **scaled(
            lambda n: [f"{build}/tests/programs/load_containers", str(n)], 900000)),
        Load("sqlite3", "program", **scaled(lambda n: ["sqlite3", ":memory:", SQL_LOAD % n], 300000)),
        Load("perl", "program", **scaled(lambda n: ["perl", "-e", PERL_LOAD % n], 75000)),
        Load("jq", "program", ["jq", "-n", f"[range({int(200000 * scale)})|{{a:., b:tostring}}]|length"]),
        Load("python3", "program", environment={"PYTHONMALLOC": "malloc"}, **scaled(
            lambda n: ["/usr/bin/python3", "-c", PYTHON_LOAD % n], 75000)),
        Load("scanner", "other",
             [f"{build}/scanner", "scan"] + ["target/samples/prompts.jsonl"] * max(1, int(45 * scale))),
    ]


def output_of(command, **options):
    """Standard output and error of COMMAND; None, and a line on stderr, where it cannot be had."""
    try:
        return subprocess.run(command, check=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **options).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"left out: {' '.join(command)[:150]}: {error}\n")
        return None


def compilers(checkout, scratch):
    """The compilers proper, without their drivers, on preprocessed sources: gcc's on the file of this project that
    reads events, clang's on a short C++ program over the containers of the standard library."""
    loads = []
    source = f"{scratch}/events.i"
    if output_of(["gcc", "-E", "-D_GNU_SOURCE", "-Ianalyzer", "-Ipreload/include", "analyzer/reader/events.c",
                  "-o", source], cwd=checkout) is not None:
        cc1 = output_of(["gcc", "-print-prog-name=cc1"]).strip()
        loads.append(Load("cc1", "program", [cc1, "-quiet", "-fpreprocessed", "-O2", source, "-o", "/dev/null"]))
    with open(f"{scratch}/containers.cpp", "w", encoding="utf-8") as output:
        output.write(CPP_SOURCE)
    source = f"{scratch}/containers.ii"
    if output_of(["clang++", "-std=c++17", "-E", f"{scratch}/containers.cpp", "-o", source]) is not None:
        said = output_of(["clang++", "-###", "-std=c++17", "-O1", "-c", source, "-o", "/dev/null"])
        loads.append(Load("clang -cc1", "program", shlex.split(said.splitlines()[-1])))
    return loads


def redis(scratch, scale):
    """Debian's redis-tools has the server's program under the name of its checker: by its own name it serves."""
    program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    if program is None or shutil.which("redis-benchmark") is None:
        return []
    server = f"{scratch}/redis-server"
    if not os.path.lexists(server):
        os.symlink(os.path.realpath(program), server)
    command = [server, "--port", "0", "--unixsocket", f"{scratch}/redis.socket", "--save", "", "--appendonly", "no",
               "--dir", scratch]
    return [Load("redis", "other", command, threads=5, requests=max(1000, int(120000 * scale)))]


def all_loads(build, checkout, scratch, scale):
    """Those whose programs are installed; what is left out is said."""
    found = []
    made = synthetic(build, scale) + programs_of_daily_use(build, scale) + compilers(checkout, scratch)
    for load in made + redis(scratch, scale):
        if shutil.which(load.command[0], path=os.environ.get("PATH", "/usr/bin:/bin")):
            found.append(load)
        else:
            sys.stderr.write(f"{load.command[0]} is not installed: {load.name} is left out\n")
    if not any(load.requests for load in found):
        sys.stderr.write("redis-tools is not installed (make deps-bench): redis is left out\n")
    return found
