#!/usr/bin/env python3
"""trace_format.py TEXT HEADER: C that compiles only if docs/trace-format.md (TEXT) and trace_format.h say the same.

Every row of the tables of offsets becomes an assertion of the member's offset and size, every number that the text
gives a name one of the constant's value. A constant of the header that the text does not have is an error here.
"""

import re
import sys

SIZES = {"u8": 1, "u16": 2, "u32": 4, "i32": 4, "u64": 8}
# Of the header, but of no interest to a reader: sizes that the recorder chooses, and counts.
OWN = {"TRACE_SMALL_CHUNK_BYTES", "TRACE_LARGE_CHUNK_BYTES", "TRACE_COUNTER_COUNT"}
# Where the text has another word than the name in capitals.
WORDS = {
    "running, or killed unseen": "NONE",
    "cached CFI rules": "CFI",
    "x86 time stamp counter": "TSC",
    "CLOCK_MONOTONIC": "MONOTONIC",
    "aarch64 generic timer": "GENERIC_TIMER",
    "frame pointers": "FRAME_POINTER",
    "realloc of NULL": "REALLOC_NULL",
    "reallocarray of NULL": "REALLOCARRAY_NULL",
    "a seccomp filter was inherited": "SECCOMP_INHERITED",
    "no usable sizes": "NO_USABLE_SIZES",
    "`origin` is filled": "FORK_CHILD",
    "started by `memtrace run`": "UNDER_RUN",
    "path of the executable": "EXECUTABLE",
    "kernel release": "KERNEL",
    "path of the module whose `malloc` is recorded": "ALLOCATOR",
    "version of the recorder": "RECORDER",
    "the program's": "USER",
    "main is about to be called": "MAIN",
    "recording of allocations stops": "STOP",
    "it starts again": "START",
    "the call failed and the block is live as before": "FAILED",
    "the block was freed": "FREED",
    "mappings": "MAPPING",
    "touched pages of a freed block": "TOUCHED",
    "of these by nested signals": "NESTED_SIGNALS",
    "stacks truncated by the depth limit": "STACKS_TRUNCATED",
    "stacks that ended at code without CFI": "STACKS_NO_CFI",
    "at a rule that the unwinder cannot express": "STACKS_NOT_EXPRESSIBLE",
    "at memory that is not provably a stack": "STACKS_UNMAPPED",
    "continued by frame pointers": "STACKS_FRAME_POINTER",
    "CFI rules made": "RULES_MADE",
    "chunks that could not be had": "CHUNKS_FAILED",
    "samples that could not be taken": "SAMPLES_FAILED",
    "code addresses in no module": "MODULES_UNNAMED",
}


class Text:
    def __init__(self, text):
        self.text = text
        self.flat = re.sub(r"\s+", " ", text)
        self.lines = []
        self.named = set()

    def find(self, pattern):
        found = re.search(pattern, self.flat)
        if not found:
            sys.exit(f"the text has nothing like '{pattern}'")
        return found.group(1)

    def equal(self, name, value):
        self.named.add(name)
        self.lines.append(f'_Static_assert({name} == {value}, "{name}: the text says {value}");')

    def number(self, name, pattern):
        self.equal(name, self.find(pattern) + "ull")

    def listed(self, prefix, words):
        """'0 none; 1 limit (why)': a number and the word for it, between semicolons or commas."""
        for number, word in re.findall(r"(?:^|[;,:]\s+)(?:bit )?(\d+) ([^;,:(]+?)(?= \(|[;,:.]|$)", words):
            self.equal(prefix + self.constant(word), f"1u << {number}" if "FLAG" in prefix else number)

    @staticmethod
    def constant(word):
        return WORDS.get(word.strip(), re.sub(r"\W+", "_", word.strip()).upper())

    def layout(self, struct, heading, rows):
        section = self.text[self.text.index(heading) :]
        table = re.findall(r"^\| (\d+) \| (\w+)(?:\[(\d+)\])? \| ([\w.]+) \|", section[: rows(section)], re.M)
        if len(table) < 10:
            sys.exit(f"the text has no table of {struct}")
        for offset, kind, count, member in table:
            size = SIZES[kind] * int(count or 1)
            self.lines.append(
                f'_Static_assert(offsetof(struct {struct}, {member}) == {offset}, "offset of {member}");\n'
                f'_Static_assert(sizeof(((struct {struct} *)0)->{member}) == {size}, "size of {member}");'
            )

    def rows(self, prefix, heading):
        """The rows '| number | name | ...' of the table behind HEADING."""
        table = self.text[self.text.index(heading) :].split("\n\n", 1)[0]
        for numbers, name in re.findall(r"^\| ([\d, ]+) \| ([^|]+) \|", table, re.M):
            if name.strip() != "reserved":
                self.equal(prefix + self.constant(name), numbers)


def main(text_path, header_path):
    with open(text_path, encoding="utf-8") as file:
        text = Text(file.read())
    with open(header_path, encoding="utf-8") as file:
        header = file.read()
    row = {}
    for name, meaning in re.findall(r"^\| \d+ \| \S+ \| ([\w.]+) \| (.*) \|$", text.text, re.M):
        row.setdefault(name, meaning)  # the header's table is the first

    def end_of_table(section):
        return section.index("\n\n", section.index("|---"))

    text.layout("trace_header", "## Header", end_of_table)
    text.layout("trace_chunk", "## Chunks", end_of_table)
    text.number("TRACE_BYTE_ORDER", r"byte_order \| (0x\w+)")
    text.number("TRACE_VERSION", r"version \| (\d+); a reader refuses")
    text.number("TRACE_HEADER_BYTES", r"header_bytes \| (\d+):")
    text.number("TRACE_INFO_OFFSET", r"info_offset \| (\d+):")
    text.number("TRACE_CHUNK_ALIGNMENT", r"begins at a multiple of (\d+) with a header")
    text.number("TRACE_CHUNK_HEADER_BYTES", r"with a header of (\d+) bytes")
    text.number("TRACE_CHUNK_MAGIC", r"magic \| (0x\w+)")
    text.number("TRACE_MAX_DEPTH", r"A stack has at most (\d+) frames")
    text.number("TRACE_COUNTERS", r"u64\[(\d+)\] \| counters")
    text.number("TRACE_GOLDEN_RATIO", r"\* (0x\w+)\) mod 2\^64")
    text.number("1u << TRACE_BLOCK_CACHE_BITS", r"keeps (\d+) slots and the previous block address")
    text.number("1u << TRACE_FRAME_CACHE_BITS", r"for return addresses (\d+) slots")
    text.number("1u << TRACE_USABLE_CACHE_BITS", r"keeps (\d+) slots of\s+\(class, usable size")
    text.number("TRACE_BLOCK_CACHE_BITS", r"the top (\d+) \(\d+\) bits")
    text.number("TRACE_FRAME_CACHE_BITS", r"the top \d+ \((\d+)\) bits")
    text.number("1u << TRACE_USABLE_CACHE_BITS", r"its slot the class\s+mod (\d+)")
    text.number("TRACE_USABLE_CACHE_BITS", r"its slot is the top (\d+) bits of")
    text.number("TRACE_USABLE_CLASS_SHIFT", r"\(size \+ 7\) mod 2\^64\) >> (\d)")
    text.number("TRACE_BLOCK_CACHE_SHIFT", r"with s = (\d+) for blocks")
    text.number("TRACE_FRAME_CACHE_SHIFT", r"for blocks, (\d+) for return addresses")
    text.number("TRACE_OLDEST_VERSION", r"refuses what is neither this nor (\d+)")
    text.equal("TRACE_REMEMBERED_STACKS", text.find(r"remembered\* stack v >> 1 \(0 to (\d+)\)") + " + 1")
    text.equal("TRACE_DELTA", "1u << " + text.find(r"if\s+bit (\d) of v is 0"))
    text.equal("TRACE_DELTA_SHIFT", text.find(r"dropped = v >> (\d); bit"))
    text.equal("TRACE_DELTA_OUTER", "1u << " + text.find(r"dropped = v >> \d; bit (\d): an outer"))
    for flag in ("TIMED", "STACK", "USABLE", "POOL"):
        text.number("TRACE_" + flag, rf"(0x\w+) {flag}")
    text.equal("TRACE_OPERATION_MASK", f"(1u << ({text.find(r'operation in bits 0-(.)')} + 1)) - 1")
    text.lines.append(f"_Static_assert(sizeof(TRACE_MAGIC) - 1 == {len(re.match('`(.*?)`', row['magic']).group(1))}, \"\");")
    text.lines.append(f"_Static_assert(sizeof(struct trace_info) == 8, \"kind and bytes\");")
    text.named.add("TRACE_MAGIC")
    text.listed("TRACE_FLAG_", row["flags"])
    text.listed("TRACE_CLOCK_", row["clock_kind"].replace(": ticks are ns", ""))
    text.listed("TRACE_STOP_", row["stop_reason"])
    text.listed("TRACE_UNWINDER_", row["unwinder"])
    text.listed("TRACE_EXIT_", row["exit.kind"].replace("none (running, or killed unseen)", "none"))
    text.listed("TRACE_CHUNK_", row["kind"])
    text.listed("TRACE_INFO_", text.find(r"Kinds: (1 path .*?)\. ## Chunks").replace("(each argument", "(each"))
    text.listed("TRACE_COUNTER_", text.find(r"Counters: (0 events .*?\.) A file"))
    text.listed("TRACE_ENTRY_", text.find(r"Entry: (1 malloc.*?)\."))
    text.listed("TRACE_REALLOC_", text.find(r"outcome (1 the call failed .*?) \("))
    text.listed("TRACE_SAMPLE_", text.find(r"reason: (1 start.*?)\."))
    text.listed("TRACE_MARK_", text.find(r"kind: (0 the program's.*?) \|"))
    text.rows("TRACE_", "| operation | name | fields |")
    text.rows("TRACE_", "| type | name | payload |")
    text.equal("TRACE_MAPPING", text.find(r"\| (\d+), \d+ \| reserved \| mappings"))
    text.equal("TRACE_TOUCHED", text.find(r"\| \d+, (\d+) \| reserved \| mappings; touched"))

    constants = set(re.findall(r"\b(TRACE_\w+)(?: = |,)", re.sub(r"/\*.*?\*/", "", header, flags=re.S)))
    constants |= set(re.findall(r"#define (TRACE_\w+)", header))
    missing = constants - text.named - OWN
    if missing:
        sys.exit("not in the text: " + " ".join(sorted(missing)))
    print("#include <stddef.h>\n#include \"memtrace/trace_format.h\"")
    print("\n".join(text.lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
