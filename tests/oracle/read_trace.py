#!/usr/bin/env python3
"""A second reader of the trace file, written from docs/trace-format.md alone.

    read_trace.py dump TRACE     every event as text, in the order of the trace
    read_trace.py header TRACE   header and info records, key=value
    read_trace.py counts TRACE   totals of a replay, key=value

It shares nothing with the analyzer but that text, so that a misunderstanding must be made twice to stay
hidden. Standard library and the zstd command only; the compact form is first expanded (compact_trace.py). Memory grows with live blocks, chunks and second-lane records
(signal handlers that interrupted the recorder), not with events. Bad input: one line on stderr, status 2.
"""

import heapq
import mmap
import os
import signal
import stat
import struct
import sys

import compact_trace

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
GRANULE = 65536
CHUNK_HEADER_BYTES = 128
CHUNK_MAGIC = 0x4B48434D
MAXIMUM_FRAMES = 4096
# Up to this size a chunk is read, not mapped: Python indexes bytes faster than a memoryview, and pages of a
# mapping would count as memory of ours.
COPIED_CHUNK_BYTES = 2 << 20

LANE, OUTSIDE = 1, 2
TIMED, STACK, USABLE, POOL = 0x10, 0x20, 0x40, 0x80
MALLOC, CALLOC, REALLOC, REALLOCARRAY, ALIGNED, FREE, REALLOC_BEGIN, REALLOC_END, FAILED = range(1, 10)
REALLOC_NULL, REALLOCARRAY_NULL, EXTENSION = 10, 11, 15
THREAD_START, LANE_ENTRY = 1, 8
NO_PLACE = (0, 0)  # where a lane_entry names no chunk, and a thread_start

ALLOCATION_NAMES = {
    MALLOC: "malloc",
    CALLOC: "calloc",
    REALLOC: "realloc",
    REALLOCARRAY: "reallocarray",
    REALLOC_NULL: "realloc_null",
    REALLOCARRAY_NULL: "reallocarray_null",
}
ENTRY_NAMES = (
    None, "malloc", "calloc", "realloc", "reallocarray",
    "posix_memalign", "aligned_alloc", "memalign", "valloc", "pvalloc",
)  # fmt: skip
FIRST_ALIGNED_ENTRY = 5

# The flags that an operation may carry; operations without an entry do not occur.
ALLOWED_FLAGS = {
    MALLOC: TIMED | STACK | USABLE | POOL,
    CALLOC: TIMED | STACK | USABLE,
    REALLOC: TIMED | STACK | USABLE,
    REALLOCARRAY: TIMED | STACK | USABLE,
    ALIGNED: TIMED | STACK | USABLE,
    FREE: TIMED | POOL,
    REALLOC_BEGIN: TIMED,
    REALLOC_END: TIMED | STACK,
    FAILED: TIMED | STACK,
    REALLOC_NULL: TIMED | STACK | USABLE,
    REALLOCARRAY_NULL: TIMED | STACK | USABLE,
    EXTENSION: 0,
}
VALID_FIRST_BYTE = [
    byte & 15 in ALLOWED_FLAGS and byte & 0xF0 & ~ALLOWED_FLAGS[byte & 15] == 0 for byte in range(256)
]

HEADER_FIELDS = (  # offset, struct format, name
    (8, "I", "byte_order"), (12, "I", "version"), (16, "I", "header_bytes"), (20, "I", "info_offset"),
    (24, "I", "page_size"), (28, "I", "flags"), (32, "16s", "run_id"), (48, "I", "pid"),
    (52, "I", "parent_pid"), (56, "I", "machine"), (60, "I", "clock_kind"), (64, "Q", "start_ticks"),
    (72, "Q", "start_monotonic_ns"), (80, "Q", "start_realtime_ns"), (88, "Q", "sampling_rate_bytes"),
    (96, "Q", "next"), (104, "Q", "limit"), (112, "I", "stop_reason"), (116, "i", "stop_errno"),
    (120, "Q", "stop_ticks"), (128, "16s", "origin.run_id"), (144, "Q", "origin.chunk"),
    (152, "Q", "origin.committed"), (160, "Q", "origin.ticks"), (168, "I", "depth_limit"),
    (172, "I", "unwinder"), (176, "I", "exit.kind"), (180, "i", "exit.code"), (184, "Q", "exit.ticks"),
    (192, "Q", "exit.monotonic_ns"), (200, "Q", "exit.stack_pointer"), (208, "I", "exit.tid"),
    (216, "Q", "exit.peak_rss_bytes"), (224, "Q", "exit.snapshot"),
)  # fmt: skip
COUNTERS_OFFSET, COUNTERS, NAMED_COUNTERS = 232, 64, 12
INFO_OFFSET = 4096
INFO_NAMES = {
    1: "executable", 2: "command_line", 3: "working_directory", 4: "host",
    5: "kernel_release", 6: "malloc_module", 7: "glibc_tunables", 8: "recorder_version",
}  # fmt: skip
SAMPLE_REASONS = {1: "start", 2: "running", 3: "exit", 4: "outside"}
MARK_KINDS = {0: "user", 1: "main", 2: "stop", 3: "start"}


class BadTrace(Exception):
    """The input is no trace that this reader can read; the text says why."""


class Undecodable(IndexError):
    """A record that does not decode. Running off the end of a chunk is an IndexError too: both end it."""


# --- the file ------------------------------------------------------------------------------------


class Chunk:
    __slots__ = ("kind", "lane", "offset", "bytes", "committed", "thread", "previous", "ticks", "monotonic_ns")

    def __init__(self, head):
        (magic, self.kind, self.lane, self.offset, self.bytes, self.committed, self.thread, _tid,
         self.previous, self.ticks, self.monotonic_ns) = struct.unpack_from("=IHHQQQIIQQQ", head)  # fmt: skip
        if magic != CHUNK_MAGIC:
            self.bytes = 0


class Trace:
    """An open trace: its header fields, and its chunks in the order of their offsets."""

    def __init__(self, path):
        try:
            self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            status = os.fstat(self.fd)
            if not stat.S_ISREG(status.st_mode):
                raise BadTrace(f"'{path}' is not a trace: it is not a regular file")
            self.fd = compact_trace.raw_form(path, self.fd)
            status = os.fstat(self.fd)
            self.size = status.st_size
            self.header = self.read_header(path, os.pread(self.fd, GRANULE, 0))
            self.end = min(self.size, self.header["next"])
            self.chunks = list(self.find_chunks())
        except compact_trace.BadCompact as error:
            raise BadTrace(f"'{path}' {error}") from None
        except OSError as error:
            raise BadTrace(f"cannot read '{path}': {error.strerror}") from None

    def read_header(self, path, head):
        if not head:
            raise BadTrace(f"'{path}' is not a trace: it is empty")
        if head[:8] != b"memtrace":
            raise BadTrace(f"'{path}' is not a trace, or was never ready: it does not begin with 'memtrace'")
        if len(head) < GRANULE:
            raise BadTrace(f"'{path}' is cut short: {len(head)} bytes, the header alone has {GRANULE}")
        header = {name: struct.unpack_from("=" + kind, head, at)[0] for at, kind, name in HEADER_FIELDS}
        if header["byte_order"] != 0x01020304:
            raise BadTrace(f"'{path}' was recorded on a machine of the other byte order; read it on such a one")
        if header["version"] not in (1, 2):
            raise BadTrace(f"'{path}' has version {header['version']} of the trace format, this reads versions 1 and 2")
        if header["header_bytes"] != GRANULE or header["info_offset"] != INFO_OFFSET:
            raise BadTrace(f"'{path}' is damaged: header_bytes is not 65536, or info_offset not 4096")
        self.counters = struct.unpack_from(f"={COUNTERS}Q", head, COUNTERS_OFFSET)
        self.info = list(self.read_info(head, header["info_offset"]))
        return header

    @staticmethod
    def read_info(head, at):
        while at + 8 <= len(head):
            kind, length = struct.unpack_from("=II", head, at)
            if kind == 0 or at + 8 + length > len(head):
                return
            yield kind, head[at + 8 : at + 8 + length]
            at = (at + 8 + length + 7) & ~7

    def find_chunks(self):
        at = self.header["header_bytes"]
        while at + CHUNK_HEADER_BYTES <= self.end:
            chunk = Chunk(os.pread(self.fd, CHUNK_HEADER_BYTES, at))
            if (chunk.offset == at and chunk.bytes >= GRANULE and chunk.bytes % GRANULE == 0
                    and at + chunk.bytes <= self.header["next"]):  # fmt: skip
                yield chunk
                at += chunk.bytes
            else:
                at = self.next_data(at + GRANULE)

    def next_data(self, at):
        """The first place for a chunk at or behind AT that is not in a hole of the file."""
        try:
            return max(at, os.lseek(self.fd, at, os.SEEK_DATA) // GRANULE * GRANULE)
        except OSError:  # ENXIO: nothing but a hole is left
            return self.end

    def record_bytes(self, chunk):
        """The chunk from its start to where its records end at the latest, and not beyond the file."""
        length = min(chunk.committed or chunk.bytes, chunk.bytes, self.end - chunk.offset)
        if length <= COPIED_CHUNK_BYTES:
            return os.pread(self.fd, length, chunk.offset)
        return memoryview(mmap.mmap(self.fd, length, access=mmap.ACCESS_READ, offset=chunk.offset))

    def streams(self):
        """Lists of chunks, each list one stream, in the order of their first chunks' offsets."""
        stream_of, streams = {}, []
        for chunk in self.chunks:
            if chunk.kind not in (LANE, OUTSIDE) or (chunk.kind == LANE and chunk.lane > 1):
                continue
            stream = stream_of.get(chunk.previous)  # only chunks with smaller offsets are in it
            if stream is None or (stream[0].kind, stream[0].lane) != (chunk.kind, chunk.lane):
                stream = []
                streams.append(stream)
            stream.append(chunk)
            stream_of[chunk.offset] = stream
        return streams


# --- decoding ------------------------------------------------------------------------------------


def read_leb(buffer, at):
    """The LEB at AT and the place behind it."""
    value = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        if shift == 63 and byte > 1:
            raise Undecodable
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def unzigzag(value):
    return (value >> 1) ^ -(value & 1)


def read_escape(buffer, at):
    if at + 8 > len(buffer):
        raise Undecodable
    return int.from_bytes(buffer[at : at + 8], sys.byteorder), at + 8


class StackDecoder:
    """The previous stack of a stream and the cache of return addresses.

    Frames are kept as text, outermost first: what is printed is joined from them only when it changed.
    """

    __slots__ = ("frames", "truncated", "previous", "slots", "texts", "references", "remembered", "count")

    def __init__(self, references):
        self.references = references
        self.remembered = [None] * 64
        self.count = 0
        self.frames = []
        self.truncated = False
        self.previous = 0
        self.slots = [0] * 128
        self.texts = ["0x0"] * 128

    def read_frames(self, buffer, at, count):
        if count > MAXIMUM_FRAMES:
            raise Undecodable
        frames, slots, texts, previous = [], self.slots, self.texts, self.previous
        for _ in range(count):
            code = buffer[at]
            at += 1
            if code < 128:
                previous = slots[code]
                frames.append(texts[code])
                continue
            code, at = read_leb(buffer, at - 1)
            if code < 128:  # a longer LEB than it needs to be
                previous = slots[code]
                frames.append(texts[code])
                continue
            if code == 128:
                previous, at = read_escape(buffer, at)
            else:
                code -= 128
                previous = (previous + ((code >> 1) ^ -(code & 1))) & MASK
            slot = (previous * GOLDEN & MASK) >> 57
            slots[slot] = previous
            texts[slot] = text = f"0x{previous:x}"
            frames.append(text)
        self.previous = previous
        return frames, at

    def read(self, buffer, at):
        if not self.references:
            return self.read_delta(buffer, at, 0)
        first, after = read_leb(buffer, at)
        if first & 1:
            at = self.read_delta(buffer, at, 1)
            if not self.truncated:
                self.remembered[self.count % 64] = self.frames[:]
                self.count += 1
            return at
        if first >> 1 >= 64 or self.remembered[first >> 1] is None:
            raise Undecodable
        self.frames = self.remembered[first >> 1][:]
        self.truncated = False
        return after

    def read_delta(self, buffer, at, shift):
        dropped, at = read_leb(buffer, at)
        dropped >>= shift
        added, at = read_leb(buffer, at)
        frames = self.frames
        outer_change = dropped & 1
        dropped >>= 1
        if dropped > len(frames):
            raise Undecodable
        if dropped:
            del frames[-dropped:]
        if outer_change:
            at = self.read_outer_change(buffer, at)
        new_frames, at = self.read_frames(buffer, at, added)
        frames += new_frames
        if len(frames) > MAXIMUM_FRAMES:
            raise Undecodable
        return at

    def read_outer_change(self, buffer, at):
        truncated = buffer[at]
        if truncated > 1:
            raise Undecodable
        self.truncated = truncated == 1
        outer_dropped, at = read_leb(buffer, at + 1)
        outer_added, at = read_leb(buffer, at)
        if outer_dropped > len(self.frames):
            raise Undecodable
        new_frames, at = self.read_frames(buffer, at, outer_added)
        self.frames[:outer_dropped] = new_frames[::-1]
        return at

    def text(self):
        return (",".join(self.frames[::-1]) or "-") + (",..." if self.truncated else "")


def escape_text(data):
    return "".join(chr(byte) if 0x21 <= byte < 0x7F and byte != 0x25 else f"%{byte:02X}" for byte in data)


def read_lebs(payload, at, count):
    values = []
    for _ in range(count):
        value, at = read_leb(payload, at)
        values.append(value)
    return values, at


def describe_extension(kind, payload):
    """Of an extension: ticks (None: it has none), text, serial and place (None but where it sets one)."""
    if kind == THREAD_START:
        (serial, tid, ticks, low, high, pointer), _ = read_lebs(payload, 0, 6)
        return ticks, f"thread_start tid={tid} stack=0x{low:x}-0x{high:x} thread_pointer=0x{pointer:x}", serial
    if kind == 2:
        (serial, tid, ticks), _ = read_lebs(payload, 0, 3)
        return ticks, f"thread_end serial={serial} tid={tid}", None
    if kind == 3:
        (ticks, generation, start, end, bias, length), at = read_lebs(payload, 0, 6)
        if at + length > len(payload):
            raise Undecodable
        return ticks, (
            f"module generation={generation} start=0x{start:x} end=0x{end:x} bias=0x{bias:x} "
            f"build_id={payload[at : at + length].hex() or '-'} path={escape_text(payload[at + length :])}"
        ), None
    if kind == 4:
        (ticks, generation, start), _ = read_lebs(payload, 0, 3)
        return ticks, f"module_gone generation={generation} start=0x{start:x}", None
    if kind == 5:
        (ticks, _ns, reason, rss, peak_rss, pss, uss, recorder), _ = read_lebs(payload, 0, 8)
        return ticks, (
            f"sample reason={SAMPLE_REASONS.get(reason, reason)} rss={rss} peak_rss={peak_rss} "
            f"pss={pss} uss={uss} recorder={recorder}"
        ), None
    if kind == 6:
        (ticks, mark), at = read_lebs(payload, 0, 2)
        return ticks, f"mark kind={MARK_KINDS.get(mark, mark)} name={escape_text(payload[at:])}", None
    if kind == 7:
        return read_leb(payload, 0)[0], "time", None
    if kind == LANE_ENTRY:
        (ticks, chunk, committed), _ = read_lebs(payload, 0, 3)
        return ticks, f"lane_entry chunk={chunk} committed={committed}", (chunk, committed)
    if kind == 9:
        (ticks, pid), _ = read_lebs(payload, 0, 2)
        return ticks, f"fork pid={pid}", None
    return None, f"extension type={kind} bytes={len(payload)}", None


# An event is a tuple (time, place, thread, operation, address, size, text).
#   place      the record's offset in the file
#   operation  with the POOL flag where it is set
#   address    of the block; of a realloc_end: the realloc_begin that it closes, a list [address, None]
#              whose second item belongs to the replay, or None
#   size       requested; of a realloc_begin: such a list; of a realloc_end: its outcome; of a lane_entry
#              or thread_start: (chunk, committed)
#   text       what follows NS and THREAD in the dump, or "" where nobody asked for it


def chunk_events(buffer, base, thread, time, open_begins, outside, with_text, references):
    """Decode the records of one chunk. BUFFER: its bytes up to their latest end; BASE: its offset.

    OPEN_BEGINS: the stream's open realloc_begins, innermost last; changed. REFERENCES: version 2, where stacks may be references to
    earlier ones and usable sizes go by class. Ends silently where the records
    end or the first does not decode. One long function on local variables: a call per field would double
    the time of a dump.
    """
    at = CHUNK_HEADER_BYTES
    previous, slots, stack, stack_text = 0, [0] * 64, StackDecoder(references), "-"
    usable_classes, usable_sizes = [-1] * 256, [0] * 256
    try:
        while True:
            place = at
            first = buffer[at]
            at += 1
            if not VALID_FIRST_BYTE[first]:  # 0, too: nothing was committed here
                return
            operation = first & 15

            if operation == EXTENSION:
                kind, at = read_leb(buffer, at)
                length, at = read_leb(buffer, at)
                if at + length > len(buffer):
                    return
                ticks, text, detail = describe_extension(kind, bytes(buffer[at : at + length]))
                at += length
                if ticks is not None and ticks > time:
                    time = ticks
                if kind == THREAD_START:
                    if not outside:
                        thread = detail
                    previous, slots, stack, stack_text = 0, [0] * 64, StackDecoder(references), "-"
                    usable_classes = [-1] * 256
                    open_begins.clear()
                run_place = detail if kind == LANE_ENTRY else NO_PLACE if kind == THREAD_START else None
                yield time, base + place, thread, EXTENSION, None, run_place, text
                continue

            if first & TIMED:
                delta = buffer[at]
                at += 1
                if delta > 127:
                    delta, at = read_leb(buffer, at - 1)
                # Modulo 2^64 it would be smaller, and a smaller one is taken as equal.
                if time + delta <= MASK:
                    time += delta

            if operation in (ALIGNED, REALLOC_END, FAILED):
                entry = buffer[at]  # or the outcome
                at += 1
                if operation != REALLOC_END:
                    log2_alignment = buffer[at]
                    at += 1
                    if log2_alignment > 63 or not (FIRST_ALIGNED_ENTRY if operation == ALIGNED else 1) <= entry <= 9:
                        return
                elif entry not in (1, 2):
                    return

            if operation not in (FREE, REALLOC_BEGIN):
                size = buffer[at]
                at += 1
                if size > 127:
                    size, at = read_leb(buffer, at - 1)

            if operation not in (REALLOC_END, FAILED):
                code = buffer[at]
                at += 1
                if code > 127:
                    code, at = read_leb(buffer, at - 1)
                if code < 64:
                    previous = slots[code]
                else:
                    if code == 64:
                        previous, at = read_escape(buffer, at)
                    else:
                        code -= 64
                        previous = ((previous >> 4) + ((code >> 1) ^ -(code & 1)) << 4) & MASK
                    slots[((previous >> 4) * GOLDEN & MASK) >> 58] = previous
                address = previous

            if operation == FREE:
                text = ""
                if with_text:
                    text = f"freed address=0x{address:x}" if first & POOL else f"free address=0x{address:x}"
                yield time, base + place, thread, FREE | first & POOL, address, 0, text
                continue
            if operation == REALLOC_BEGIN:
                begin = [address, None]
                open_begins.append(begin)
                text = f"realloc_begin address=0x{address:x}" if with_text else ""
                yield time, base + place, thread, REALLOC_BEGIN, address, begin, text
                continue

            known = ""
            if operation not in (REALLOC_END, FAILED):
                if references:
                    size_class = (size + 7 & MASK) >> 3
                    slot = size_class & 255
                else:
                    size_class, slot = size, (size * GOLDEN & MASK) >> 56
                if first & USABLE:
                    delta, at = read_leb(buffer, at)
                    usable_classes[slot] = size_class
                    usable_sizes[slot] = (size + unzigzag(delta)) & MASK
                if with_text and usable_classes[slot] == size_class:
                    known = f" usable={usable_sizes[slot]}"
            if first & STACK:
                at = stack.read(buffer, at)
                if with_text:
                    stack_text = stack.text()

            text = ""
            if operation == REALLOC_END:
                begin = open_begins.pop() if open_begins else None
                if with_text:
                    outcome = "failed" if entry == 1 else "freed"
                    text = f"realloc_end outcome={outcome} size={size} stack={stack_text}"
                yield time, base + place, thread, REALLOC_END, begin, entry, text
                continue
            if operation == FAILED:
                if with_text:
                    text = (
                        f"failed entry={ENTRY_NAMES[entry]} alignment={1 << log2_alignment} size={size} "
                        f"stack={stack_text}"
                    )
                yield time, base + place, thread, FAILED, None, size, text
                continue
            if operation in (REALLOC, REALLOCARRAY) and open_begins:
                open_begins.pop()
            if with_text:
                if first & POOL:
                    text = f"allocated size={size} address=0x{address:x} stack={stack_text}"
                elif operation == ALIGNED:
                    text = (
                        f"{ENTRY_NAMES[entry]} alignment={1 << log2_alignment} size={size}{known} "
                        f"address=0x{address:x} stack={stack_text}"
                    )
                else:
                    text = (
                        f"{ALLOCATION_NAMES[operation]} size={size}{known} address=0x{address:x} "
                        f"stack={stack_text}"
                    )
            yield time, base + place, thread, operation | first & POOL, address, size, text
    except IndexError:
        return


def stream_events(trace, stream, with_text):
    open_begins = []
    for chunk in stream:
        outside = chunk.kind == OUTSIDE
        yield from chunk_events(
            trace.record_bytes(chunk), chunk.offset, 0 if outside else chunk.thread, chunk.ticks,
            open_begins, outside, with_text, trace.header["version"] > 1,
        )  # fmt: skip


# --- one order -----------------------------------------------------------------------------------


def split_runs(events):
    """The events of a second-lane stream as lists: runs, and what is in none and a sequence of its own."""
    run = []
    for event in events:
        if event[3] == EXTENSION and event[5] is not None and run:
            yield run
            run = []
        run.append(event)
    if run:
        yield run


def with_runs(events, runs):
    """EVENTS of a first-lane stream, with RUNS, pairs of (place, list), in front of their places."""
    runs = iter(runs)
    place, run = next(runs, (None, None))
    for event in events:
        while place is not None and place <= event[1]:
            yield from run
            place, run = next(runs, (None, None))
        yield event
    while place is not None:
        yield from run
        place, run = next(runs, (None, None))


def sequences(trace, with_text):
    """Pairs (a time that no record is before, iterator of events), those first that ties go to."""
    streams = trace.streams()
    owner = {  # first-lane chunk to its stream's number and its own bounds
        chunk.offset: (number, chunk)
        for number, stream in enumerate(streams)
        for chunk in stream
        if chunk.kind == LANE and chunk.lane == 0
    }
    runs_of, found = {}, []
    for stream in streams:
        if stream[0].kind != LANE or stream[0].lane == 0:
            continue
        for run in split_runs(stream_events(trace, stream, with_text)):
            chunk, committed = run[0][5] if run[0][3] == EXTENSION and run[0][5] else NO_PLACE
            if chunk in owner:
                number, chunk = owner[chunk]
                place = chunk.offset + min(committed, chunk.bytes)
                runs_of.setdefault(number, []).append((place, run))
            else:
                found.append((run[0][1], run[0][0], iter(run)))
    for number, stream in enumerate(streams):
        if stream[0].kind == OUTSIDE or stream[0].lane == 0:
            runs = sorted(runs_of.get(number, ()), key=lambda item: (item[0], item[1][0][1]))
            events = stream_events(trace, stream, with_text)
            earliest = min([stream[0].ticks] + [run[0][0] for _, run in runs])
            found.append((stream[0].offset, earliest, with_runs(events, runs) if runs else events))
    # A run of its own is known by its lane_entry's offset: its chunk's, and the run's place in the chunk.
    found.sort(key=lambda item: item[0])
    return [(earliest, events) for _, earliest, events in found]


def ordered_events(trace, with_text):
    """Pairs (key in ticks, event) in the order of the trace."""
    # A sequence is not begun before its time: its chunk would be in memory from the first event on.
    heap = [(earliest, number, None, events) for number, (earliest, events) in enumerate(sequences(trace, with_text))]
    heapq.heapify(heap)
    while heap:
        key, number, event, events = heapq.heappop(heap)
        rival = heap[0][:2] if heap else (MASK + 1, 0)
        # The sequence goes on without the heap until another one's turn comes.
        while True:
            if event is not None:
                yield key, event
            event = next(events, None)
            if event is None:
                break
            if event[0] > key:
                key = event[0]
                if (key, number) > rival:
                    heapq.heappush(heap, (key, number, event, events))
                    break


def nanoseconds(trace):
    """A function from ticks to ns since the start."""
    header = trace.header
    start_ticks, start_ns = header["start_ticks"], header["start_monotonic_ns"]
    if header["clock_kind"] == 2:
        return lambda ticks: max(ticks - start_ticks, 0)
    pairs = [(chunk.monotonic_ns, chunk.ticks) for chunk in trace.chunks]
    if header["exit.kind"] and header["exit.ticks"]:
        pairs.append((header["exit.monotonic_ns"], header["exit.ticks"]))
    pairs = [pair for pair in pairs if pair[0] >= start_ns and pair[1] > start_ticks]
    if not pairs:
        return lambda ticks: max(ticks - start_ticks, 0)
    end_ns, end_ticks = max(pairs)
    elapsed_ns, elapsed_ticks = end_ns - start_ns, end_ticks - start_ticks
    return lambda ticks: min(max(ticks - start_ticks, 0) * elapsed_ns // elapsed_ticks, MASK)


# --- commands ------------------------------------------------------------------------------------


def dump(trace, output):
    to_ns = nanoseconds(trace)
    lines, known_key, ns = [], None, 0
    for key, event in ordered_events(trace, True):
        if key != known_key:
            known_key, ns = key, to_ns(key)
        lines.append(f"{ns} {event[2]} {event[6]}\n")
        if len(lines) == 4096:
            output.write("".join(lines))
            lines.clear()
    output.write("".join(lines))


def print_header(trace, output):
    for name, value in trace.header.items():
        output.write(f"{name}={value.hex() if isinstance(value, bytes) else value}\n")
    for number, value in enumerate(trace.counters):
        if number < NAMED_COUNTERS or value:
            output.write(f"counter.{number}={value}\n")
    for kind, data in trace.info:
        if kind == 2:
            text = " ".join(escape_text(argument) for argument in data.split(b"\0")[: data.count(b"\0")])
        else:
            text = escape_text(data)
        output.write(f"info.{INFO_NAMES.get(kind, kind)}={text}\n")


class Replay:
    """Totals of the blocks that the program got from its allocator; those of pools are not among them."""

    def __init__(self):
        self.allocations = self.frees = self.failed = self.allocated_bytes = 0
        self.live_bytes = self.peak_live_bytes = 0
        self.live = {}

    def add_block(self, address, size):
        # A block that is still live at this address lost its free: it makes room without being counted.
        self.live_bytes += size - self.live.get(address, 0)
        self.live[address] = size
        if self.live_bytes > self.peak_live_bytes:
            self.peak_live_bytes = self.live_bytes

    def remove_block(self, address):
        size = self.live.pop(address, None)
        self.live_bytes -= size or 0
        return size

    def apply(self, operation, address, size):
        if operation == FREE:
            self.frees += 1
            self.remove_block(address)
        elif operation == REALLOC_BEGIN:
            self.frees += 1
            size[1] = self.remove_block(address)
        elif operation == REALLOC_END:
            if size == 1:
                self.failed += 1
                if address is not None:
                    self.frees -= 1
                    if address[1] is not None:
                        self.add_block(*address)
        elif operation == FAILED:
            self.failed += 1
        elif operation < EXTENSION:
            self.allocations += 1
            self.allocated_bytes += size
            self.add_block(address, size)


def print_counts(trace, output):
    replay = Replay()
    apply = replay.apply
    for _, event in ordered_events(trace, False):
        apply(event[3], event[4], event[5])
    for name, value in (
        ("allocations", replay.allocations),
        ("frees", replay.frees),
        ("allocated_bytes", replay.allocated_bytes),
        ("live_blocks", len(replay.live)),
        ("live_bytes", replay.live_bytes),
        ("peak_live_bytes", replay.peak_live_bytes),
        ("failed", replay.failed),
    ):
        output.write(f"{name}={value}\n")


COMMANDS = {"dump": dump, "header": print_header, "counts": print_counts}


def main(arguments):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `dump TRACE | head` is no fault
    if len(arguments) != 2 or arguments[0] not in COMMANDS:
        sys.stderr.write("read_trace.py: usage: read_trace.py dump|header|counts TRACE\n")
        return 2
    try:
        COMMANDS[arguments[0]](Trace(arguments[1]), sys.stdout)
        sys.stdout.flush()
    except BadTrace as error:
        sys.stderr.write(f"read_trace.py: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
