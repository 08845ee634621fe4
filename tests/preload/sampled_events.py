#!/usr/bin/env python3
"""sampled_events.py [--frees-known] <DUMP: the allocation events of `memtrace dump` without times and addresses.

One line an event: operation and size; a free says the size of the block that it frees, "unknown" where the trace
does not have it. --frees-known: print nothing, fail at the first free of a block that the trace does not have, and
say at the end how many blocks were recorded and how many are live."""

import re
import sys

frees_known = "--frees-known" in sys.argv
# A pool's blocks have an address space of their own; stack-wise nesting of realloc is one deep in these programs.
live, begun, recorded = {}, {}, 0
for number, line in enumerate(sys.stdin, 1):
    fields = line.split()
    thread, operation = fields[1], fields[2]
    values = dict(field.split("=", 1) for field in fields[3:] if "=" in field)
    size, address = values.get("size"), values.get("address")
    pool = operation in ("allocated", "freed")
    if operation in ("free", "freed", "realloc_begin"):
        size = live.pop((pool, address), "unknown")
        if operation == "realloc_begin":
            begun[thread] = (address, size)
        elif size == "unknown" and frees_known:
            sys.exit(f"line {number}: {line.strip()}: the trace does not have this block")
    elif operation == "realloc_end":
        before, old_size = begun.pop(thread)
        if values["outcome"] == "failed" and old_size != "unknown":
            live[(False, before)] = old_size
        operation += "_" + values["outcome"]
    elif address and re.search("alloc|memalign|null", operation):
        if (pool, address) in live:
            sys.exit(f"line {number}: {line.strip()}: allocated twice")
        live[(pool, address)] = size
        recorded += 1
        if operation in ("realloc", "reallocarray"):
            begun.pop(thread)
    elif operation != "failed":
        continue
    if not frees_known:
        print(operation, size)
if frees_known:
    print(recorded, len(live))
