#!/usr/bin/env python3
"""kill_9.py COUNTS DUMP: is every call that threads_kill counted in the trace?

COUNTS is the file that threads_kill counted in, DUMP the text of `memtrace dump`. Thread T asked only for sizes
10000 + 4 * k + T. Per thread, the trace may have at most one allocation and one free more than were counted: the
call that was in flight, or had returned and was not counted yet. Prints `CALLS IN_FLIGHT`, else what is wrong.
"""

import struct
import sys

THREADS = 4


def read_counts(path):
    with open(path, "rb") as counts:
        data = counts.read().ljust(THREADS * 64, b"\0")
    return [struct.unpack_from("<3Q", data, 64 * thread) for thread in range(THREADS)]


def read_dump(path):
    """Replay the events: per thread of the program, [allocations, frees, bytes]."""
    totals = [[0, 0, 0] for _ in range(THREADS)]
    owner = {}  # address of a live block -> thread that allocated it
    opened = {}  # thread of the trace -> owners of its open realloc_begins
    with open(path, encoding="utf-8") as dump:
        for line in dump:
            _, thread, operation, *fields = line.split(" ")
            values = dict(field.split("=", 1) for field in fields)
            if operation in ("free", "realloc_begin"):
                index = owner.pop(values["address"].strip(), None)
                if operation == "realloc_begin":
                    opened.setdefault(thread, []).append(index)
                if index is not None:
                    totals[index][1] += 1
            elif operation in ("malloc", "calloc", "realloc"):
                size = int(values["size"])
                if operation == "realloc":
                    opened[thread].pop()
                if not 10000 <= size < 18004:
                    continue
                if values["address"] in owner:
                    sys.exit(f"address {values['address']} was allocated twice without a free between")
                owner[values["address"]] = size % 4
                totals[size % 4][0] += 1
                totals[size % 4][2] += size
    return totals


def main():
    counts, totals = read_counts(sys.argv[1]), read_dump(sys.argv[2])
    in_flight = 0
    for thread, (counted, traced) in enumerate(zip(counts, totals)):
        for name, most, had, has in zip(("allocations", "frees", "bytes"), (1, 1, 18003), counted, traced):
            if not 0 <= has - had <= most:
                sys.exit(f"thread {thread}: {had} {name} returned, the trace has {has}")
        in_flight += traced[0] - counted[0] + traced[1] - counted[1]
    print(sum(allocations + frees for allocations, frees, _ in counts), in_flight)
    return 0


if __name__ == "__main__":
    sys.exit(main())
