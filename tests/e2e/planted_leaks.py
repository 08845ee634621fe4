#!/usr/bin/env python3
"""planted_leaks.py LEAKS SOURCE...: are exactly the planted leaks found, with function, file and line?

LEAKS is the output of `memtrace leaks --format json`. A line of a source that leaks says so itself, in a comment:
LEAK, the function, the number of blocks, their bytes. Prints one line a planted leak and one a leak from these
sources that was not planted; each begins with `found`, `missing` or `extra`.
"""

import json
import os
import re
import sys


def planted(paths):
    """(file name, line) -> (function, blocks, bytes)"""
    leaks = {}
    for path in paths:
        with open(path, encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                match = re.search(r"/\* LEAK (\S+) (\d+) (\d+) \*/", line)
                if match:
                    leaks[os.path.basename(path), number] = match.group(1), int(match.group(2)), int(match.group(3))
    return leaks


def frame_place(frame):
    return os.path.basename(frame.get("file") or ""), frame.get("line")


def main():
    with open(sys.argv[1], encoding="utf-8") as output:
        leaks = json.load(output)["leaks"]
    expected = planted(sys.argv[2:])
    sources = {os.path.basename(path) for path in sys.argv[2:]}
    found = {place: [0, 0] for place in expected}
    for leak in leaks:
        frames = leak["stack"]
        hit = None
        for frame in frames:
            place = frame_place(frame)
            if place in expected and expected[place][0] in (frame.get("function") or ""):
                hit = place
                break
        if hit:
            found[hit][0] += leak["blocks"]
            found[hit][1] += leak["bytes"]
        # The frame nearest to the allocation that has a line of ours; dlopen's own blocks come through a
        # source of ours, too, but do not begin there.
        elif frames and frame_place(frames[0])[0] in sources:
            print("extra", leak["blocks"], leak["bytes"], frames[0])
    for place, (function, blocks, size) in sorted(expected.items()):
        verdict = "found" if found[place] == [blocks, size] else f"missing (got {found[place]})"
        print(verdict, f"{place[0]}:{place[1]}", function, blocks, size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
