"""Run programs that make a recorder's life hard, plain and recorded in turn: nothing that they show may differ.

    suite.py [GROUP...]       the cases of tests/hostile/cases.py, all groups unless named; `-l` lists them

One TAP line a case. Compared are standard output, standard error and exit status; both runs must end in time. Where
a recorded program left traces they must be readable, with nothing lost, and hold as many blocks of each size as the
case says that the program allocates. Environment: BUILD and TESTS as for every test; HOSTILE_REPEATS (1), how often
each case is run; HOSTILE_CASES, a regular expression for their names; HOSTILE_RECORDER=heaptrack, or the path of a
library, preloads that instead of ours, traces unread.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from cases import CASES  # noqa: E402

BUILD = os.environ["BUILD"]
PROGRAMS = os.path.join(BUILD, "tests", "programs")
REPEATS = int(os.environ.get("HOSTILE_REPEATS", "1"))
RECORDER = os.environ.get("HOSTILE_RECORDER", "memtrace")
HEAPTRACK = "/usr/lib/heaptrack/libheaptrack_preload.so"
CANNOT_RUN = (97, 125, 126, 127)


class Outcome:
    """What one run showed."""

    def __init__(self, output, errors, status, seconds):
        self.output, self.errors, self.status, self.seconds = output, errors, status, seconds

    def shows(self):
        return self.output, self.errors, self.status


def substitute(text, place):
    return text.replace("{programs}", PROGRAMS).replace("{place}", place).replace("{python}", os.path.realpath(sys.executable))


def own_recorder(case, place):
    """The case's own copy of the recorder, or ''."""
    if case.recorder:
        return substitute(case.recorder, place)
    return place + "/libmemtrace.so" if case.other_user else "" # where the new user's loader can read it


def recorder_environment(case, place, unwinder):
    """The variables of a recorded run."""
    preload = [substitute(library, place) for library in case.preload]
    if RECORDER == "heaptrack":
        return {"LD_PRELOAD": ":".join([HEAPTRACK] + preload), "DUMP_HEAPTRACK_OUTPUT": place + "/traces/heaptrack.$$"}
    if RECORDER != "memtrace":
        return {"LD_PRELOAD": ":".join([RECORDER] + preload)}
    recorder = own_recorder(case, place) or BUILD + "/libmemtrace.so"
    return {
        "LD_PRELOAD": ":".join([recorder] + preload),
        "MEMTRACE_OUTPUT": substitute(case.output or "{place}/traces/%n.%p.mtr", place),
        "MEMTRACE_LIMIT": case.limit,
        "MEMTRACE_UNWINDER": unwinder,
    }


def run(case, place, variables):
    """One run in a fresh directory; VARIABLES are set for the program, not for the shell that prepares it."""
    work = os.path.join(place, "work")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    os.chmod(work, 0o777)
    script = 'setup() {\n%s\n}\n' % (substitute(case.setup, place) or ":") + "setup && exec \"$@\" " + case.redirect
    command = ["sh", "-c", script, "sh", "env", "SAID=" + place + "/said"]
    command += ["%s=%s" % pair for pair in {**case.environment, **variables}.items()]
    command += [substitute(argument, place) for argument in case.command]
    began = time.monotonic()
    with open(place + "/out", "wb+", buffering=0) as out, open(place + "/err", "wb+", buffering=0) as err:
        process = subprocess.Popen(command, cwd=work, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   start_new_session=True)
        try:
            status = process.wait(case.seconds)
        except subprocess.TimeoutExpired:
            status = "none within %d s" % case.seconds
        seconds = time.monotonic() - began
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        out.seek(0)
        err.seek(0)
        return Outcome(case.normalized(out.read()), case.normalized(err.read()), status, seconds)


def difference(plain, recorded):
    """The first thing in which two outcomes differ, as text."""
    if plain.status != recorded.status:
        return "status %s plain, %s recorded; %s" % (plain.status, recorded.status, recorded.errors[-200:])
    for name, a, b in (("stdout", plain.output, recorded.output), ("stderr", plain.errors, recorded.errors)):
        a_lines, b_lines = a.split(b"\n"), b.split(b"\n")
        for number in range(max(len(a_lines), len(b_lines))):
            left = a_lines[number] if number < len(a_lines) else b"(nothing)"
            right = b_lines[number] if number < len(b_lines) else b"(nothing)"
            if left != right:
                return "%s line %d: %r plain, %r recorded" % (name, number + 1, left[:200], right[:200])
    return ""


def analyzed(command, traces):
    """What a memtrace command prints of each of TRACES, from JSON."""
    done = subprocess.run([BUILD + "/memtrace", command, "--format", "json"] + traces, capture_output=True, check=False)
    if done.returncode != 0:
        raise ValueError("memtrace %s: status %d, %s" % (command, done.returncode, done.stderr[-300:]))
    result = json.loads(done.stdout)
    return result if isinstance(result, list) else [result]


def said_counts(case, place):
    """Sizes and counts that the program wrote to the file $SAID, as the case names them."""
    if not case.said:
        return {}
    with open(place + "/said") as said:
        values = dict(line.strip().split("=") for line in said)
    return {size: int(values[name]) for name, size in case.said.items()}


def check_traces(case, place):
    """What is wrong with the traces of a recorded run, or ''."""
    folder = os.path.dirname(substitute(case.output or "{place}/traces/", place))
    names = os.listdir(folder) if os.path.isdir(folder) else []
    traces = sorted(folder + "/" + name for name in names if name.endswith(".mtr"))
    if case.traces is not None and len(traces) != case.traces:
        return "%d traces, not %d" % (len(traces), case.traces)
    if not traces:
        return "no trace" if case.blocks or case.said else ""
    metrics, sizes = analyzed("metrics", traces), analyzed("sizes", traces)
    damaged = sum(one["damaged_chunks"] for one in metrics)
    lost = sum(one["events_lost"] for one in metrics)
    reasons = {one["stopped_because"] for one in metrics} - {None}
    if damaged:
        return "%d damaged chunks" % damaged
    if lost and not case.may_lose and not case.stops:  # the event that found no room is counted
        return "%d events lost" % lost
    expected = case.stops if isinstance(case.stops, tuple) else (case.stops,)
    if len(reasons) > 1 or not (reasons or {None}) <= set(expected):
        return "recording stopped because of %s" % (", ".join(reasons) or "nothing")
    counts = {}
    for trace in sizes:
        for row in trace["sizes"]:
            counts[row["requested_bytes"]] = counts.get(row["requested_bytes"], 0) + row["allocations"]
    for size, wanted in {**case.blocks, **said_counts(case, place)}.items():
        least, most = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        if not least <= counts.get(size, 0) <= most:
            return "%d blocks of %d bytes, not %s" % (counts.get(size, 0), size, wanted)
    return ""


def plain_is_sound(case, plain):
    """What is wrong with the plain run, or ''."""
    if plain.status in CANNOT_RUN:
        return "the program itself cannot be run: status %s, %s" % (plain.status, plain.errors[-200:])
    if plain.status != case.status:
        return "status %s plain, not %s; %s" % (plain.status, case.status, plain.errors[-200:])
    if case.says and not re.search(case.says.encode(), plain.output + plain.errors):
        return "the plain run does not say %r: %s" % (case.says, plain.output[-200:])
    return ""


def once(case, place, unwinder):
    """One plain and one recorded run. What is wrong, or ''; and the recorded run's seconds."""
    plain = run(case, place, {"LD_PRELOAD": ":".join(substitute(library, place) for library in case.preload)}
                if case.preload else {})
    fault = plain_is_sound(case, plain)
    if fault:
        return fault, 0
    traces = place + "/traces"
    shutil.rmtree(traces, ignore_errors=True)
    os.makedirs(traces)
    os.chmod(traces, 0o777)
    recorded = run(case, place, recorder_environment(case, place, unwinder))
    fault = difference(plain, recorded)
    if not fault and RECORDER == "memtrace":
        fault = check_traces(case, place)
    return fault, recorded.seconds


def prepare(case, place):
    """Make what the case needs. Why it cannot be tried here, or ''."""
    for need in case.needs:
        if need == "root":
            if os.geteuid() != 0:
                return "not root"
        elif not (os.path.exists(need) if need.startswith("/") else shutil.which(need)):
            return "no " + need
    os.makedirs(place)
    os.chmod(place, 0o755)
    if case.prepare:
        done = subprocess.run(["sh", "-c", substitute(case.prepare, place)], cwd=place, capture_output=True, check=False)
        if done.returncode != 0:
            return case.skip or "preparation failed: %s" % done.stderr[-200:].decode(errors="replace").replace("\n", " ")
    own = own_recorder(case, place)
    if own:
        shutil.copy(BUILD + "/libmemtrace.so", own)
        os.chmod(own, 0o755)
    return ""


def clean(case, place):
    if case.cleanup:
        subprocess.run(["sh", "-c", substitute(case.cleanup, place)], cwd=place, capture_output=True, check=False)


def try_case(case, place, unwinder):
    """(ok, explanation) of all repeats."""
    faults, slowest, began = [], 0.0, time.monotonic()
    for _ in range(REPEATS):
        try:
            fault, seconds = once(case, place, unwinder)
        except (OSError, ValueError, KeyError) as error:
            fault, seconds = "%s: %s" % (type(error).__name__, error), 0
        slowest = max(slowest, seconds)
        if fault:
            faults.append(fault)
    if faults:
        return False, "%d of %d times: %s" % (len(faults), REPEATS, faults[0])
    return True, "at most %.2f s recorded, %.2f s in all" % (slowest, time.monotonic() - began)


def variants(cases):
    for case in cases:
        if case.long and REPEATS == 1:
            continue
        yield case, "cfi", case.name
        if case.libunwind and RECORDER == "memtrace":
            yield case, "libunwind", case.name + ", unwound by libunwind"


def main(groups):
    if groups == ["-l"]:
        for case, _, name in variants(CASES):
            print("%-12s %-42s %s" % (case.group, name, case.checks))
        return 0
    pattern = re.compile(os.environ.get("HOSTILE_CASES", ""))
    chosen = [one for one in variants(CASES) if (not groups or one[0].group in groups) and pattern.search(one[2])]
    if not chosen:
        print("suite.py: no case of %s is named %s; -l lists them" % (groups or "any group", pattern.pattern), file=sys.stderr)
        return 2
    print("1..%d" % len(chosen))
    failed = 0
    os.chmod(".", 0o755) # other users start programs below it
    for number, (case, unwinder, name) in enumerate(chosen, 1):
        place = os.path.abspath("case%d" % number)
        unable = prepare(case, place)
        if unable:
            print("ok %d - %s # SKIP %s" % (number, name, unable), flush=True)
            clean(case, place)
            continue
        ok, explanation = try_case(case, place, unwinder)
        clean(case, place)
        print("%s %d - %s (%s)" % ("ok" if ok else "not ok", number, name, case.checks), flush=True)
        print("# " + explanation, file=sys.stdout if ok else sys.stderr, flush=True)
        if ok:
            shutil.rmtree(place, ignore_errors=True)
        else:
            failed += 1
            print("# failed: %s; again: make check T=hostile/%s HOSTILE_CASES='^%s$'" % (name, case.group, name),
                  file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
