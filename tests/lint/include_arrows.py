#!/usr/bin/env python3
"""include_arrows.py BUILD: does each room include only what it may?

The arrows are those of docs/design.md:

    preload -> trace format <- analyzer            target (depends on neither, but for the marks header)
    analyzer: reader <- replay <- reducers -> results <- renderers -> symbols; commands and watch connect
              them; util serves all and includes none

Two checks. The dependency files that the compiler wrote (BUILD/**/*.d) say what each object really read, so
nothing gets round them: there the arrows count transitively. The #include lines say who asked for it: there
they count one step at a time.
"""

import os
import re
import sys

FORMAT = "preload/include/memtrace/trace_format.h"
MARKS = "preload/include/memtrace/memtrace.h"

# A room (a folder or one file) and what its files may name in an #include line, besides their own room.
# The longest matching name decides.
ARROWS = {
    FORMAT: [],
    MARKS: [],
    "preload/arch": [FORMAT],
    "preload/hot": [
        FORMAT, "preload/arch", "preload/slow/slow.h", "preload/slow/module_find.h", "preload/slow/stack_range.h",
        "preload/process/bootstrap.h",
    ],  # fmt: skip
    "preload/slow": [
        FORMAT, "preload/arch", "preload/hot",
        "preload/process/image.h", "preload/process/initial_stack.h", "preload/process/sandbox.h",
    ],  # fmt: skip
    "preload/process": ["preload"],
    "analyzer/util": [],
    "analyzer/reader": [FORMAT, "analyzer/util"],
    "analyzer/replay": [FORMAT, "analyzer/reader", "analyzer/util"],
    "analyzer/results": ["analyzer/util"],
    "analyzer/reducers": ["analyzer/replay", "analyzer/results", "analyzer/reader", "analyzer/util"],
    "analyzer/symbols": ["analyzer/util"],
    "analyzer/renderers": ["analyzer/results", "analyzer/symbols", "analyzer/util"],
    "analyzer/watch": [FORMAT, "analyzer/reader", "analyzer/results", "analyzer/util"],
    "analyzer/commands": [FORMAT, "analyzer"],
    "analyzer/main.c": ["analyzer/commands", "analyzer/util"],
    "target/include": [MARKS],
    "target/lib": ["target/include", MARKS],
    "target": ["target/include", MARKS],
}

# The search paths of each tree, in the compiler's order.
SEARCH = {
    "preload": ["preload/include", "preload", "preload/arch/x86_64", "preload/arch/generic"],
    "analyzer": ["analyzer", "preload/include"],
    "target": ["target/include", "target/lib"],
}


def room_of(path):
    """The longest entry of ARROWS that PATH lies in, or None."""
    best = None
    for room in ARROWS:
        if (path == room or path.startswith(room + "/")) and (best is None or len(room) > len(best)):
            best = room
    return best


def within(path, places):
    return any(path == place or path.startswith(place + "/") for place in places)


def reachable(room):
    """Every place that files of ROOM may depend on through others, following the arrows to their end."""
    places, waiting = set(), [room]
    while waiting:
        place = waiting.pop()
        if place in places:
            continue
        places.add(place)
        inside = [other for other in ARROWS if within(other, [place])]  # PLACE may be a folder of rooms
        for other in inside + [room_of(place)]:
            waiting.extend(ARROWS.get(other, []))
    return places


def included(path):
    """The project's files that the #include lines of PATH name, with line numbers."""
    tree = path.split("/")[0]
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            match = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
            if not match:
                continue
            for folder in [os.path.dirname(path)] + SEARCH[tree]:
                candidate = os.path.normpath(os.path.join(folder, match.group(1)))
                if os.path.isfile(candidate):
                    yield number, candidate
                    break


def check_lines():
    faults = 0
    for tree in SEARCH:
        for folder, _, names in os.walk(tree):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if not name.endswith((".c", ".h", ".S")):
                    continue
                room = room_of(path)
                if room is None:
                    print(f"{path}: in no room of tests/lint/include_arrows.py", file=sys.stderr)
                    faults += 1
                    continue
                own = [] if room.endswith(".h") else [room]
                for number, other in included(path):
                    if not within(other, ARROWS[room] + own):
                        print(f"{path}:{number}: {room} may not include {other}", file=sys.stderr)
                        faults += 1
    return faults


def check_objects(build):
    faults = objects = 0
    for tree in SEARCH:
        for folder, _, names in os.walk(os.path.join(build, tree)):
            for name in sorted(names):
                if not name.endswith(".d"):
                    continue
                with open(os.path.join(folder, name), encoding="utf-8") as rules:
                    rule = rules.read().replace("\\\n", " ").split("\n")[0]
                files = [os.path.normpath(word) for word in rule.split(":", 1)[1].split()]
                files = [path for path in files if path.split("/")[0] in SEARCH]
                if not files or not os.path.exists(files[0]):
                    continue  # the object of a source that is gone
                objects += 1
                room = room_of(files[0])
                places = reachable(room) if room else set()
                for other in files[1:]:
                    if not within(other, places):
                        print(f"{files[0]}: reaches {other}, which {room} may not", file=sys.stderr)
                        faults += 1
    if objects == 0:
        print(f"no dependency files under {build}: build first", file=sys.stderr)
        faults += 1
    return faults


def main():
    if len(sys.argv) != 2:
        print(__doc__.split("\n")[0], file=sys.stderr)
        return 2
    return 1 if check_lines() + check_objects(sys.argv[1]) else 0


if __name__ == "__main__":
    sys.exit(main())
