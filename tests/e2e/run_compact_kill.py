#!/usr/bin/env python3
"""run_compact_kill.py MEMTRACE PROGRAM CALLS ROUNDS: kill `memtrace run` at random moments; is anything lost?

PROGRAM allocates and frees CALLS times and says so. Its trace is then in two files, or in one; read by either name,
by MEMTRACE and after `memtrace compact`, it must have every call. Prints a line a round.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time


def calls_of(memtrace, path):
    said = subprocess.run([memtrace, "metrics", "--format", "json", path], capture_output=True, check=True)
    metrics = json.loads(said.stdout)
    return metrics["allocations"], metrics["frees"], metrics["complete"], said.stderr.decode()


def kill_one(memtrace, program, calls, wait):
    for name in os.listdir("."):
        if name.startswith("killed"):
            os.unlink(name)
    with open("said", "wb") as said:
        # The program outlives its runner: what tells that it has ended is that it holds this pipe no more.
        ended, held = os.pipe()
        runner = subprocess.Popen([memtrace, "run", "-q", "--disk", "64M", "-o", "killed.mtr", "--", program, str(calls)],
                                  stdout=said, pass_fds=(held,))
        os.close(held)
        time.sleep(wait)
        runner.send_signal(signal.SIGKILL)
        runner.wait()
        os.read(ended, 1)
        os.close(ended)
    return sorted(name for name in os.listdir(".") if name.startswith("killed"))


def main():
    memtrace, program, calls, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    random.seed(4)
    in_two = holes = 0
    for number in range(rounds):
        files = kill_one(memtrace, program, calls, 0.1 + random.random() * 0.6)
        if "killed.mtr.compact" in files:
            in_two += 1
            holes += os.stat("killed.mtr").st_blocks * 512 < os.stat("killed.mtr").st_size - (1 << 20)
        readings = [calls_of(memtrace, name) for name in files]
        subprocess.run([memtrace, "compact", "killed.mtr"], check=True)
        readings.append(calls_of(memtrace, "killed.mtr"))
        left = sorted(name for name in os.listdir(".") if name.startswith("killed"))
        with open("said", encoding="utf-8") as said:
            made = said.read().split("allocations=")[1].split()[0]
        good = left == ["killed.mtr"] and int(made) >= calls and all(
            reading[0] >= int(made) and reading[1] >= int(made) and reading[2] is True and not reading[3]
            for reading in readings)
        print(f"round {number}: {'good' if good else 'LOST'} {made} made, read {readings}, files {files}")
        if not good:
            return 1
    print(f"killed while there were two files: {in_two}, with holes: {holes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
