#!/usr/bin/env python3
"""damaged_dumps.py MEMTRACE COUNT SEED TRACE: do two readers agree on what is left of a damaged trace?

COUNT times TRACE is copied with some bytes changed and perhaps its end cut off; then `MEMTRACE dump` must print
what tests/oracle/read_trace.py prints, or refuse the file with exit status 2 as it does. Says how many of the
copies were read; every disagreement is a line and kept as damaged.N.mtr.
"""

import io
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "oracle"))
import read_trace  # noqa: E402

CHUNKS = 65536


def oracle_dump(path):
    output = io.StringIO()
    try:
        read_trace.dump(read_trace.Trace(path), output)
    except read_trace.BadTrace:
        return None
    return output.getvalue()


def damage(bytes_, places, rng):
    """A copy with 1 to 5 bytes changed, most of them in records; three in ten are cut somewhere, too."""
    copy = bytearray(bytes_)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.choice(places)
        copy[at] = rng.choice((0, 0xFF, copy[at] ^ 1 << rng.randrange(8), rng.randrange(256)))
    return copy[: rng.randrange(CHUNKS - 100, len(copy))] if rng.random() < 0.3 else copy


def main(memtrace, count, seed, path):
    rng = random.Random(int(seed))
    with open(path, "rb") as trace:
        original = trace.read()
    filled = [at for at in range(CHUNKS, len(original)) if original[at] or original[at - 1]]
    places = filled + list(range(8, 232)) * (len(filled) // 2000 + 1)  # one in ten of the header
    read = faults = 0
    for number in range(int(count)):
        name = f"damaged.{number}.mtr"
        with open(name, "wb") as copy:
            copy.write(damage(original, places, rng))
        expected = oracle_dump(name)
        done = subprocess.run([memtrace, "dump", name], capture_output=True, check=False)
        got = done.stdout.decode() if done.returncode == 0 else None
        if done.returncode in (0, 2) and got == expected:
            read += got is not None
            os.unlink(name)
        else:
            print(f"{name}: status {done.returncode}, {done.stderr.decode()!r}; the readers do not agree")
            faults += 1
    print(f"read {read} of {count}")
    return faults != 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
