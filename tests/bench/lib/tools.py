"""What it is run under: ours, and the profilers it is compared with."""

import dataclasses
import os
import shutil
import subprocess
import sys

LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib")


@dataclasses.dataclass
class Tool:
    name: str
    baseline: str = "plain"
    prefix: list = dataclasses.field(default_factory=list)
    environment: dict = dataclasses.field(default_factory=dict)
    files: str = ""               # glob of what it writes
    pace: str = "every"           # every round; some: the first rounds only; small: one round of the small load
    starts: int = 40              # runs of /bin/true, at most
    servers: bool = True          # can be put under a redis server


def library(name):
    for folder in LIBRARIES:
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    return None


def says(command, word):
    """Does COMMAND succeed and its output hold WORD?"""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return done.returncode == 0 and word in done.stdout.decode(errors="replace")


def can_sample(build):
    with open(f"{build}/libmemtrace.so", "rb") as recorder:
        return b"MEMTRACE_SAMPLE" in recorder.read()


def can_compact(build):
    return says([f"{build}/memtrace", "compact", "--help"], "usage:")


def ours(build, scratch):
    recorder, trace = f"{build}/libmemtrace.so", f"{scratch}/ours.%p.mtr"
    tools = [Tool("exact", environment={"LD_PRELOAD": recorder, "MEMTRACE_OUTPUT": trace}, files=f"{scratch}/ours.*")]
    if can_sample(build):
        tools.append(Tool("sampled", files=f"{scratch}/ours.*", environment={
            "LD_PRELOAD": recorder, "MEMTRACE_OUTPUT": trace, "MEMTRACE_SAMPLE": "512K"}))
    else:
        sys.stderr.write("libmemtrace.so does not know MEMTRACE_SAMPLE: the sampled column is left out\n")
    tools.append(Tool("run", prefix=[f"{build}/memtrace", "run", "-q", "-o", trace, "--"], files=f"{scratch}/ours.*"))
    return tools


def allocators(scratch):
    """Profilers that come with an allocator of their own, which is their baseline."""
    tools = []
    tcmalloc = library("libtcmalloc.so.4")
    if tcmalloc:
        # HEAPPROFILE takes 8 us an event: small loads only. Redis calls functions that jemalloc alone has.
        tools.append(Tool("tcmalloc", environment={"LD_PRELOAD": tcmalloc}, pace="some", starts=20, servers=False))
        tools.append(Tool("tcmalloc HEAPPROFILE", "tcmalloc", files=f"{scratch}/heap.*", pace="small", starts=20,
                          environment={"LD_PRELOAD": tcmalloc, "HEAPPROFILE": f"{scratch}/heap"}, servers=False))
    jemalloc = library("libjemalloc.so.2")
    if jemalloc and says(["env", f"LD_PRELOAD={jemalloc}", "MALLOC_CONF=stats_print:true", "/bin/true"],
                         "config.prof: true"):
        tools.append(Tool("jemalloc", environment={"LD_PRELOAD": jemalloc}, pace="some", starts=20))
        tools.append(Tool("jemalloc prof", "jemalloc", files=f"{scratch}/heap.*", pace="some", starts=20, environment={
            "LD_PRELOAD": jemalloc,
            "MALLOC_CONF": f"prof:true,prof_final:true,lg_prof_sample:19,prof_prefix:{scratch}/heap"}))
    elif jemalloc:
        sys.stderr.write("this jemalloc was built without profiling: its column is left out\n")
    return tools


def others(scratch):
    tools = []
    if shutil.which("heaptrack"):
        tools.append(Tool("heaptrack", prefix=["heaptrack", "-o", f"{scratch}/theirs"], files=f"{scratch}/theirs*",
                          starts=10))
    tools += allocators(scratch)
    memusage = library("libmemusage.so")
    if memusage:  # Counts and sizes only, no stacks. Its header in front of each block is not jemalloc's, redis's, to know.
        tools.append(Tool("memusage", environment={"LD_PRELOAD": memusage}, pace="some", starts=20, servers=False))
    if shutil.which("valgrind"):
        tools.append(Tool("valgrind dhat", pace="small", starts=2, files=f"{scratch}/valgrind*", prefix=[
            "valgrind", "-q", "--tool=dhat", f"--dhat-out-file={scratch}/valgrind.%p"]))
        tools.append(Tool("valgrind massif", pace="small", starts=2, files=f"{scratch}/valgrind*", prefix=[
            "valgrind", "-q", "--tool=massif", f"--massif-out-file={scratch}/valgrind.%p"]))
    for name, found in (("heaptrack", "heaptrack"), ("libgoogle-perftools4", "tcmalloc"),
                        ("libjemalloc2", "jemalloc"), ("memusage", "memusage"), ("valgrind", "valgrind dhat")):
        if not any(tool.name == found for tool in tools):
            sys.stderr.write(f"{name} is not installed (make deps-bench): its columns are left out\n")
    return tools


def all_tools(build, scratch):
    """The plain run first."""
    return [Tool("plain"), *ours(build, scratch), *others(scratch)]
