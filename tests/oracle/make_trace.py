#!/usr/bin/env python3
"""Write a synthetic trace from a seed, and beside it what a correct reader must say of it.

    make_trace.py [OPTIONS] TRACE     writes TRACE and TRACE.expected

The encoder is written from docs/trace-format.md alone and shares nothing with read_trace.py. TRACE.expected
holds the lines of `dump`, then those of `counts` (the latter begin with a letter); both come from what the
generator knows it did, never from decoding. A small program model makes the events: threads with call
stacks, a heap, signal handlers; then come the oddities that a reader must survive: chunks claimed and never
begun, unknown chunk kinds and extensions, torn and impossible records behind the last good one.
"""

import argparse
import os
import random
import struct

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
GRANULE = 65536
START_TICKS, START_NS = 5_000_000_000_000, 2_000_000_000_000
LANE, OUTSIDE, SNAPSHOT = 1, 2, 3
TIMED, STACK, USABLE, POOL = 0x10, 0x20, 0x40, 0x80
ENTRIES = (None, "malloc", "calloc", "realloc", "reallocarray",
           "posix_memalign", "aligned_alloc", "memalign", "valloc", "pvalloc")  # fmt: skip
PLAIN = {1: "malloc", 2: "calloc", 10: "realloc_null", 11: "reallocarray_null"}
TEXTS = (b"", b"plain", b"/usr/lib/x86_64-linux-gnu/libc.so.6", b"with space", b"100%", b"tab\tnewline\n",
         b"\xc3\xa9\x7f\xff\x00end", bytes(range(256)))  # fmt: skip


def leb(value, padding=0):
    """VALUE as LEB128; PADDING more bytes than it needs."""
    data = bytearray()
    while True:
        byte, value = value & 127, value >> 7
        if value == 0 and padding == 0:
            data.append(byte)
            return bytes(data)
        data.append(byte | 128)
        if value == 0:
            return bytes(data) + b"\x80" * (padding - 1) + b"\0"


def zigzag(value):
    return value * 2 if value >= 0 else -value * 2 - 1


def signed(value, bits=64):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def escaped(data):
    return "".join(f"%{c:02X}" if c < 0x21 or c > 0x7E or c == ord("%") else chr(c) for c in data)


class Item:
    """A record as the dump must show it. EFFECT: what it does to the heap, a tuple, or None."""

    __slots__ = ("time", "thread", "text", "effect", "start", "end")

    def __init__(self, time, thread, text, effect, start, end):
        self.time, self.thread, self.text, self.effect = time, thread, text, effect
        self.start, self.end = start, end


class Run:
    """Records of a second lane behind one lane_entry (CHUNK None: behind none, or a thread_start)."""

    def __init__(self, chunk):
        self.chunk, self.items = chunk, []


class Chunk:
    def __init__(self, stream, offset, size, ticks, monotonic_ns):
        self.kind, self.lane = stream.kind, stream.lane
        self.offset, self.size, self.ticks, self.monotonic_ns = offset, size, ticks, monotonic_ns
        self.thread, self.tid = stream.serial, stream.tid
        self.previous = stream.chunks[-1].offset if stream.chunks else 0
        self.data, self.committed, self.tail = bytearray(128), 0, b""

    def bytes(self):
        struct.pack_into("=IHHQQQIIQQQ", self.data, 0, 0x4B48434D, self.kind, self.lane, self.offset, self.size,
                         self.committed, self.thread, self.tid, self.previous, self.ticks,
                         self.monotonic_ns)  # fmt: skip
        return (self.data + self.tail)[: self.size]


class Stream:
    """One stream of chunks, and what a decoder of it knows at this point."""

    def __init__(self, world, kind, lane, serial, tid, sequence):
        self.world, self.random, self.kind, self.lane = world, world.random, kind, lane
        self.serial, self.tid = serial, tid
        self.chunks = []
        self.sequence = sequence  # where its items go: a list of items and runs
        self.run = None
        self.claims = world.random.choice((1, 1, 2, 32))
        self.reset()
        world.streams.append(self)

    def reset(self):
        self.block_slots, self.block_previous = [0] * 64, 0
        self.frame_slots, self.frame_previous = [0] * 128, 0
        self.usable = {}
        self.frames, self.truncated = [], False
        self.remembered, self.remembered_count = {}, 0

    # --- chunks

    def open_chunk(self, ticks=None):
        world = self.world
        offset, size = world.claim(self.claims if self.random.random() < 0.5 else 1)
        if ticks is None:
            ticks = world.now - self.random.choice((0, 1, 20))
        chunk = Chunk(self, offset, size, ticks, world.monotonic(ticks))
        self.chunks.append(chunk)
        world.chunks.append(chunk)
        self.reset()
        self.time = ticks

    def close_chunk(self):
        """Seal the chunk, or leave it as a crash would: with something behind its last record."""
        chunk = self.chunks[-1]
        left = chunk.size - len(chunk.data)
        if left > 40 and self.random.random() < 0.2:
            self.fill_chunk(left)
            chunk.committed = self.random.choice((0, chunk.size))
            return
        rest = bytes(self.random.randrange(256) for _ in range(min(left, 50)))
        chunk.committed = self.random.choice((0, len(chunk.data)))
        if chunk.committed:
            chunk.tail = self.random.choice((b"", b"\x06\x40" + rest, rest))[:left]
        else:
            chunk.tail = self.random.choice((
                b"", b"\0" + rest,                     # torn: its first byte was not stored
                b"\x0c" + rest, b"\xbd" + rest,        # operations that do not occur
                b"\x01" + b"\xff" * 9 + b"\x02" + rest,  # a size of more than 64 bits
                b"\x01" + b"\x80" * 10 + b"\x01" + rest,  # a size of more than 10 bytes
                b"\x26\x05" + rest, b"\x52\x01\x80" + b"\x80" * 10,  # a free with a stack; a usable size too long
                b"\x05\x04\x04\x10\x05", b"\x05\x05\x40\x10\x05",  # aligned by malloc, or to 2^64
                b"\x08\x03\x10", b"\x09\x0a\x00\x10" + rest,  # outcome 3, entry 10
                b"\x21\x08\x05" + self.delta_head(len(self.frames) + 1, 0) + b"\x00\x01",  # drops more than there is
                b"\x21\x08\x05" + self.no_stack_here() + b"\x00\x01",
                b"\x0f\x05\x02\x01\x01\x06\x05\x06\x05",  # a sample that is too short
                b"\x0f\x63" + leb(chunk.size) + rest,  # an extension longer than the chunk
            ))[:left]  # fmt: skip

    def fill_chunk(self, left):
        """An extension up to the chunk's last byte: no zero follows its last record."""
        for length_bytes in (1, 2, 3, 4):
            payload = left - 3 - length_bytes
            head = b"\x0f" + leb(300) + leb(payload)
            if len(head) == 3 + length_bytes:
                self.put(head + b"\x06" * payload, f"extension type=300 bytes={payload}")
                return

    def reserve(self, most):
        """Make sure of an open chunk with room for MOST bytes."""
        if not self.chunks:
            self.open_chunk()
        elif len(self.chunks[-1].data) + most > self.chunks[-1].size or self.random.random() < self.world.roll:
            self.close_chunk()
            self.open_chunk()

    def place(self):
        """(chunk, committed) of this moment; chunk 0 where nothing was begun."""
        return (self.chunks[-1].offset, len(self.chunks[-1].data)) if self.chunks else (0, 0)

    def put(self, data, text, effect=None):
        chunk = self.chunks[-1]
        start = chunk.offset + len(chunk.data)
        chunk.data += data
        assert len(chunk.data) <= chunk.size
        item = Item(self.time, self.serial, text, effect, start, start + len(data))
        if self.lane == 0:
            self.sequence.append(item)
            return
        if self.run is None:
            self.begin_run(None, self.world.lone_runs)
        self.run.items.append(item)

    def begin_run(self, chunk, sequence):
        self.run = Run(chunk)
        sequence.append(self.run)

    # --- fields

    def leb(self, value):
        padding = 0
        if self.random.random() < 0.01 and value < 1 << 48:
            padding = self.random.choice((1, 2))
        return leb(value, padding)

    def block(self, address):
        """The code of a block's ADDRESS."""
        previous, self.block_previous = self.block_previous, address
        slot = ((address >> 4) * GOLDEN & MASK) >> 58
        if self.block_slots[slot] == address and self.random.random() < 0.95:
            return self.leb(slot)
        self.block_slots[slot] = address
        delta = (address >> 4) - (previous >> 4)
        if self.random.random() < 0.05:
            delta += self.random.choice((-1, 1)) << 60  # the same address, modulo 2^64
        if address & 15 or delta == 0 or self.random.random() < 0.02:
            return self.leb(64) + struct.pack("=Q", address)
        return self.leb(64 + zigzag(delta))

    def frame(self, address):
        previous, self.frame_previous = self.frame_previous, address
        slot = (address * GOLDEN & MASK) >> 57
        if self.frame_slots[slot] == address and self.random.random() < 0.95:
            return leb(slot)
        self.frame_slots[slot] = address
        code = 128 + zigzag(signed(address - previous))
        if code == 128 or code > MASK or self.random.random() < 0.02:
            return leb(128) + struct.pack("=Q", address)
        return leb(code)

    def timed(self):
        """The flag and the field of a record's time, which moves the decoder's to now, or not."""
        now = self.world.now
        if self.world.alone and self.random.random() < 0.7:
            return 0, b""
        delta = max(now - self.time, 0)
        self.time += delta
        return TIMED, self.leb(delta)

    def usable_size(self, size):
        """Flag and field of a usable size, and how the dump shows what is then known of it."""
        size_class, slot = size, (size * GOLDEN & MASK) >> 56
        if self.world.version > 1:
            size_class = (size + 7 & MASK) >> 3
            slot = size_class & 255
        flag, field = 0, b""
        if self.random.random() < (0.05 if slot in self.usable else 0.8):
            usable = max(size + self.random.choice((0, 8, 15, 24, 4096, -1, -3)), 0)
            flag, field = USABLE, leb(zigzag(usable - size))
            self.usable[slot] = (size_class, usable)
        known = self.usable.get(slot)
        return flag, field, f" usable={known[1]}" if known and known[0] == size_class else ""

    def stack(self, thread):
        """Flag, field and text of THREAD's stack as the depth limit shows it."""
        real, limit = thread.stack, self.world.depth_limit
        base = max(len(real) - limit, 0)
        visible, truncated = real[base:], base > 0
        flag, field = 0, b""
        if visible != self.frames or truncated != self.truncated or self.random.random() < 0.02:
            flag, field = STACK, self.new_stack(visible, truncated)
        text = ",".join(f"0x{frame:x}" for frame in reversed(visible)) or "-"
        return flag, field, text + (",..." if truncated else "")

    def delta_head(self, dropped, outer):
        return leb(dropped << 1 | outer) if self.world.version == 1 else leb((dropped << 1 | outer) << 1 | 1)

    def no_stack_here(self):
        """What is no stack: in version 2 a reference to none, or beyond all."""
        if self.world.version == 1:
            return self.delta_head(len(self.frames) + 1, 1)
        return leb(2 * (self.remembered_count if self.remembered_count < 64 else 64))

    def new_stack(self, new, truncated):
        """The field of a stack: a delta, which is then remembered, or a reference."""
        if self.world.version > 1 and not truncated and self.random.random() < 0.9:
            for number, frames in self.remembered.items():
                if frames == new:
                    self.frames, self.truncated = list(new), False
                    return leb(number << 1)
        field = self.stack_delta(new, truncated)
        if not truncated:
            self.remembered[self.remembered_count % 64] = list(new)
            self.remembered_count += 1
        return field

    def stack_delta(self, new, truncated):
        old = self.frames
        outer = truncated != self.truncated or self.random.random() < 0.02
        outer_dropped = outer_added = 0
        if (truncated or self.truncated) and old and new:
            # The kept part is where the outermost frame of one is in the other; frames may repeat, and any
            # alignment is right.
            if new[0] in old:
                outer_dropped = old.index(new[0])
            elif old[0] in new:
                outer_added = new.index(old[0])
            outer = outer or outer_dropped > 0 or outer_added > 0
        kept = 0
        while (outer_dropped + kept < len(old) and outer_added + kept < len(new)
               and old[outer_dropped + kept] == new[outer_added + kept]):  # fmt: skip
            kept += 1
        if kept and self.random.random() < 0.05:
            kept = self.random.randrange(kept + 1)  # a writer may keep less than it could
        if outer and kept == 0 and new:  # nothing kept: either part may bring the new frames
            outer_added = self.random.randrange(len(new) + 1)
            outer_dropped = self.random.randrange(len(old) + 1)
        dropped = len(old) - outer_dropped - kept
        added = new[outer_added + kept :]
        data = self.delta_head(dropped, outer) + leb(len(added))
        if outer:
            data += bytes([truncated]) + leb(outer_dropped) + leb(outer_added)
            data += b"".join([self.frame(frame) for frame in reversed(new[:outer_added])])
        data += b"".join([self.frame(frame) for frame in added])
        self.frames, self.truncated = list(new), truncated
        return data

    # --- records

    def room_for(self, thread):
        self.reserve(200 + 12 * min(len(thread.stack), self.world.depth_limit))

    def allocation(self, thread, operation, size, address, name, aligned=b"", alignment="", pool=0, effect=None):
        self.room_for(thread)
        time_flag, time = self.timed()
        data = time + aligned + self.leb(size) + self.block(address)
        usable_flag, usable, known = self.usable_size(size)
        stack_flag, stack, stack_text = self.stack(thread)
        first = operation | time_flag | usable_flag | stack_flag | pool
        self.put(bytes([first]) + data + usable + stack,
                 f"{name}{alignment} size={size}{'' if pool else known} address=0x{address:x} stack={stack_text}",
                 effect)  # fmt: skip

    def release(self, operation, address, name, pool=0, effect=None):
        self.reserve(64)
        flag, time = self.timed()
        self.put(bytes([operation | flag | pool]) + time + self.block(address), f"{name} address=0x{address:x}", effect)

    def without_block(self, thread, operation, head, size, text, effect):
        """A realloc_end or failed record."""
        self.room_for(thread)
        time_flag, time = self.timed()
        data = time + head + self.leb(size)
        stack_flag, stack, stack_text = self.stack(thread)
        self.put(bytes([operation | time_flag | stack_flag]) + data + stack,
                 f"{text} size={size} stack={stack_text}", effect)  # fmt: skip

    def extension(self, kind, text, fields=(), ticks_at=None, rest=None):
        """An extension of LEB FIELDS; number TICKS_AT of them is the time. REST: text at the payload's end."""
        payload = b"".join([self.leb(field) for field in fields])
        if rest is not None:
            payload += rest
        elif self.random.random() < 0.1:
            payload += b"\x01\xff\0"  # fields of a later version
        self.reserve(100 + len(payload))
        if ticks_at is not None:
            self.time = max(self.time, fields[ticks_at])
        self.put(b"\x0f" + self.leb(kind) + self.leb(len(payload)) + payload, text)


class Thread:
    def __init__(self, world, serial):
        self.serial, self.tid = serial, 4000 + serial
        self.sequence = []
        self.first = self.second = None
        self.stack, self.open = [], []
        world.grow_stack(self, world.random.randrange(1, 12))


class World:
    """The program model, the file's layout and the ledger of what happened."""

    def __init__(self, options):
        self.options, self.random = options, random.Random(options.seed)
        self.now = START_TICKS + 1000
        self.next = GRANULE
        self.chunks, self.streams, self.strange = [], [], {}
        self.lone_runs = []
        self.sequences = []  # (items and runs, stream)
        self.alone = True
        self.roll = min(0.02, 20 / (options.events + 1))
        self.version = options.version or random.Random(-options.seed - 1).choice((1, 2, 2, 2))
        self.depth_limit = self.random.choice((512, 512, 512, 64, 4096)) if options.with_truncated else 512
        self.code = [0x555555554000 + self.random.randrange(1 << 21) for _ in range(300)]
        self.code += [0x7F0000000000 + self.random.randrange(1 << 30) for _ in range(100)]
        self.code += [MASK, MASK - 1, 1, 0, 1 << 63]
        self.blocks, self.pool_blocks, self.free_addresses = [], [], []
        self.heap_end = 0x55555557A2A0
        self.special = [MASK, MASK & ~15, 0xFFFFFFFFFFFFFFE0, 1 << 63, 16, 8, 1, 0x7F0000000008, 0x7F0000000001]
        self.threads, self.serials = [], 0

    def monotonic(self, ticks):
        if self.options.clock == "monotonic":
            return ticks - START_TICKS + START_NS
        return START_NS + (ticks - START_TICKS) * 1000 // 2113

    def claim(self, granules):
        """Space for a chunk of GRANULES; now and then something else was claimed before it."""
        while self.random.random() < 0.15:
            offset, self.next = self.next, self.next + GRANULE
            size = GRANULE
            magic, kind, claimed = self.random.choice((
                (0, LANE, offset),                 # claimed, its magic never stored
                (0x4B48434D, 77, offset),          # an unknown kind
                (0x4B48434D, SNAPSHOT, offset),
                (0x4B48434D, LANE, offset + 64),   # damage
                (None, 0, 0),                      # claimed, and no byte was written
            ))  # fmt: skip
            if magic is None:
                continue
            if claimed == offset and kind in (77, SNAPSHOT) and self.random.random() < 0.5:
                size, self.next = 2 * GRANULE, self.next + GRANULE
            ticks = self.now - 5
            head = struct.pack("=IHHQQQIIQQQ", magic, kind, 0, claimed, size, 0, 1, 1, 0, ticks, self.monotonic(ticks))
            self.strange[offset] = head.ljust(128, b"\0") + b"\x06\x40" * 200
            if size > GRANULE:  # a chunk inside a chunk is none: the outer one is skipped by its size
                self.strange[offset + GRANULE] = head[:8] + struct.pack("=Q", offset + GRANULE) + head[16:]
            if magic and claimed == offset:
                self.pairs_of_strange.append((offset, ticks))
        offset, self.next = self.next, self.next + granules * GRANULE
        return offset, granules * GRANULE

    # --- the program

    def grow_stack(self, thread, count):
        thread.stack += [self.random.choice(self.code) for _ in range(count)]

    def walk(self, thread):
        """Calls and returns since the thread's last event."""
        stack, chance = thread.stack, self.random.random()
        if chance < 0.3:
            return
        if len(stack) > 60:  # deep recursion does not last, or every line of the dump would be long
            if chance < 0.6:
                del stack[len(stack) // 2 :]
        elif chance < 0.9:
            del stack[max(len(stack) - self.random.randrange(5), 0) :]
            self.grow_stack(thread, self.random.randrange(5))
        elif chance < 0.91:
            stack.clear()
        if self.random.random() < self.deep_chance:
            top = self.depth_limit + self.random.choice((-5, -1, 0, 1, 3, 100))
            if not self.options.with_truncated:
                top = 512
            self.grow_stack(thread, max(top - len(stack), 0))
        elif len(stack) > self.depth_limit and self.random.random() < 0.8:
            del stack[-self.random.randrange(1, 4) :]
            self.grow_stack(thread, self.random.randrange(8))

    def new_address(self, fresh):
        if not fresh and self.free_addresses and self.random.random() < 0.7:
            return self.free_addresses.pop(self.random.randrange(max(len(self.free_addresses) - 20, 0),
                                                                 len(self.free_addresses)))  # fmt: skip
        if self.special and self.random.random() < 0.02:
            return self.special.pop()
        self.heap_end += 16 * self.random.randrange(1, 9)
        return self.heap_end

    def new_size(self):
        if self.random.random() < 0.005:
            return self.random.randrange(1 << 40)
        return self.random.choice((
            0, 1, 24, 24, 32, 100, 127, 128, 1000, self.random.randrange(300), self.random.randrange(1 << 16)))

    def start_thread(self, heir_of=None):
        """A new thread, with chunks of its own or with those of a thread that has ended."""
        self.serials += 1
        thread = Thread(self, self.serials)
        self.threads.append(thread)
        self.alone = self.alone and self.serials == 1
        fields = (thread.serial, thread.tid, self.now, 0x7F1000000000, 0x7F1000800000, MASK & ~0xFFF)
        text = f"thread_start tid={thread.tid} stack=0x7f1000000000-0x7f1000800000 thread_pointer=0xfffffffffffff000"
        if heir_of is None:
            thread.first = Stream(self, LANE, 0, thread.serial, thread.tid, thread.sequence)
            self.sequences.append((thread.sequence, thread.first))
            streams = [thread.first]
            if self.serials == 1 and self.random.random() < 0.5:
                thread.first.open_chunk(START_TICKS - 50)
            elif self.random.random() < 0.3:
                return thread  # its first chunk comes later: handlers come before it, and no thread_start
        else:
            thread.first, thread.second = heir_of.first, heir_of.second
            thread.sequence = heir_of.sequence
            streams = [stream for stream in (thread.first, thread.second) if stream]
        for stream in streams:
            # Room first: a chunk that begins with the thread_start is the newcomer's from its header on.
            stream.reserve(200)
            roll, self.roll = self.roll, 0
            if heir_of is None or len(stream.chunks[-1].data) == 128:
                stream.chunks[-1].thread = thread.serial
            stream.serial, stream.tid = thread.serial, thread.tid
            if stream.lane == 1:
                stream.begin_run(None, self.lone_runs)
            stream.extension(1, text, fields, 2)
            stream.reset()
            self.roll = roll
        return thread

    def end_thread(self):
        """A thread ends; who notices is the newcomer that takes its chunks, or another thread."""
        if len(self.threads) < 2:
            return
        thread = self.threads.pop(self.random.randrange(len(self.threads)))
        if self.random.random() < 0.6:
            heir = self.start_thread(thread)
        else:
            heir = self.random.choice(self.threads)
        if heir.first.chunks and self.random.random() < 0.8:
            heir.first.extension(2, f"thread_end serial={thread.serial} tid={thread.tid}",
                                 (thread.serial, thread.tid, self.now), 2)  # fmt: skip

    def step(self, thread, stream, fresh):
        """One event of THREAD in STREAM. FRESH: at the moment of another's event, so touch no other block."""
        self.walk(thread)
        options, chance = self.options, self.random.random()
        if self.random.random() < 0.005:
            self.release_chance = self.random.choice((0.1, 0.3, 0.6))
        own = [entry for entry in thread.open if entry[0] is stream]
        if own and chance < 0.4 and not fresh:
            self.end_realloc(thread, own[-1])
        elif chance < self.release_chance and self.blocks and not fresh:
            address = self.take_block()
            stream.release(6, address, "free", effect=("free", address))
            self.free_addresses.append(address)
        elif chance < self.release_chance + 0.1 and options.with_realloc and self.blocks and not fresh:
            address = self.take_block()
            entry = [stream, address, object()]
            stream.release(7, address, "realloc_begin", effect=("begin", address, entry[2]))
            thread.open.append(entry)
        elif chance < self.release_chance + 0.15 and options.with_pool:
            self.pool_event(thread, stream)
        elif chance < self.release_chance + 0.18:
            entry, log2 = self.random.randrange(1, 10), self.random.choice((0, 4, 12, 63))
            size = self.random.choice((MASK, 1 << 63, (1 << 47) + self.random.randrange(1 << 40)))
            text = f"failed entry={ENTRIES[entry]} alignment={2 ** log2}"
            stream.without_block(thread, 9, bytes([entry, log2]), size, text, ("failed",))
        elif chance < self.release_chance + 0.22:
            self.notice(stream)
        elif chance < self.release_chance + 0.27:
            size, address = self.new_size(), self.new_address(fresh)
            entry, log2 = self.random.randrange(5, 10), self.random.choice((4, 5, 6, 12, 21))
            stream.allocation(thread, 5, size, address, ENTRIES[entry], bytes([entry, log2]),
                              f" alignment={2 ** log2}", effect=("allocate", address, size))  # fmt: skip
            self.blocks.append((address, size))
        else:
            size, address = self.new_size(), self.new_address(fresh)
            operation = self.random.choice((1, 1, 1, 1, 2, 10, 11))
            stream.allocation(thread, operation, size, address, PLAIN[operation], effect=("allocate", address, size))
            self.blocks.append((address, size))

    def take_block(self):
        at = self.random.randrange(len(self.blocks))
        self.blocks[at], self.blocks[-1] = self.blocks[-1], self.blocks[at]
        return self.blocks.pop()[0]

    def end_realloc(self, thread, entry):
        stream, old, begin = entry
        thread.open.remove(entry)
        chance, size = self.random.random(), self.new_size()
        if chance < 0.7:
            address = old if self.random.random() < 0.3 else self.new_address(False)
            if address != old:
                self.free_addresses.append(old)
            operation = self.random.choice((3, 3, 4))
            stream.allocation(thread, operation, size, address, ENTRIES[operation], effect=("allocate", address, size))
            self.blocks.append((address, size))
        elif chance < 0.85:
            stream.without_block(thread, 8, b"\x01", MASK - size, "realloc_end outcome=failed", ("restore", begin))
            self.blocks.append((old, None))
        elif chance < 0.95:
            stream.without_block(thread, 8, b"\x02", 0, "realloc_end outcome=freed", None)
            self.free_addresses.append(old)
        else:
            # The handler left by longjmp: closed by nothing, and an end that comes later closes another. Only
            # where no outer one is open, for that would then be taken for this one's.
            if any(other[0] is stream for other in thread.open):
                stream.without_block(thread, 8, b"\x02", 0, "realloc_end outcome=freed", None)

    def pool_event(self, thread, stream):
        if self.pool_blocks and self.random.random() < 0.5:
            stream.release(6, self.pool_blocks.pop(), "freed", POOL)
        else:
            # Inside a block that the pool got from malloc, or anywhere.
            address = self.random.choice(self.blocks)[0] if self.blocks else 0x7000
            stream.allocation(thread, 1, self.new_size(), address, "allocated", pool=POOL)
            self.pool_blocks.append(address)

    def notice(self, stream):
        """An extension."""
        ticks = self.now - self.random.choice((0, 0, 0, 7, 10**6))
        choice = self.random.randrange(9)
        if choice in (0, 1) and self.options.with_modules:
            start = self.random.choice((0x7F0000000000, 0x555555554000, MASK - 0xFFFF))
            fields = [ticks, self.random.randrange(1, 5), start]
            if self.random.random() < 0.3:
                stream.extension(4, f"module_gone generation={fields[1]} start=0x{start:x}", fields, 0)
                return
            build_id = bytes(self.random.randrange(256) for _ in range(self.random.choice((0, 20, 20, 8))))
            path, bias = self.random.choice(TEXTS), (start - 0x400000) & MASK
            text = (f"module generation={fields[1]} start=0x{start:x} end=0x{start + 0xFFFF:x} bias=0x{bias:x} "
                    f"build_id={build_id.hex() if build_id else '-'} path={escaped(path)}")  # fmt: skip
            stream.extension(3, text, fields + [start + 0xFFFF, bias, len(build_id)], 0, build_id + path)
        elif choice == 2:
            self.sample(stream, ticks, self.random.choice((1, 2, 3, 9)))
        elif choice == 3:
            kind, name = self.random.choice((0, 0, 1, 2, 3, 12)), self.random.choice(TEXTS)
            text = {0: "user", 1: "main", 2: "stop", 3: "start"}.get(kind, kind)
            stream.extension(6, f"mark kind={text} name={escaped(name)}", (ticks, kind), 0, name)
        elif choice == 4:
            stream.extension(7, "time", (ticks,), 0)
        elif choice == 5:
            stream.extension(9, "fork pid=77", (ticks, 77), 0)
        else:
            kind = self.random.choice((0, 10, 11, 12, 127, 128, 1 << 40))
            payload = bytes(self.random.randrange(256) for _ in range(self.random.choice((0, 1, 40, 200))))
            stream.extension(kind, f"extension type={kind} bytes={len(payload)}", rest=payload)

    def sample(self, stream, ticks, reason):
        values = [self.random.choice((0, 4096 * self.random.randrange(1 << 30))) for _ in range(5)]
        name = {1: "start", 2: "running", 3: "exit", 4: "outside"}.get(reason, reason)
        text = "rss={} peak_rss={} pss={} uss={} recorder={}".format(*values)
        stream.extension(5, f"sample reason={name} {text}", [ticks, self.monotonic(ticks), reason] + values, 0)

    def interrupt(self, thread):
        """A signal handler interrupts the recorder: what it allocates goes to the second lane."""
        if thread.second is None:
            thread.second = Stream(self, LANE, 1, thread.serial, thread.tid, None)
            if self.random.random() < 0.3:
                thread.second.reserve(200)
                thread.second.extension(7, "time", (self.now,), 0)
        stream = thread.second
        chunk, committed = thread.first.place()
        if self.random.random() < 0.05:
            chunk = self.random.choice((0, 1 << 40, 12345))
        stream.reserve(200)
        stream.begin_run(chunk, thread.sequence if chunk == thread.first.place()[0] and chunk else self.lone_runs)
        roll, self.roll = self.roll, 0
        stream.extension(8, f"lane_entry chunk={chunk} committed={committed}", (self.now, chunk, committed), 0)
        self.roll = roll
        stack = list(thread.stack)
        self.grow_stack(thread, 2)
        for _ in range(self.random.randrange(6)):
            self.now += self.random.randrange(1, 50)
            self.step(thread, stream, False)
        thread.stack = stack

    def play(self):
        options = self.options
        self.pairs_of_strange = []
        self.release_chance = 0.3
        self.deep_chance = min(0.01, 10 / (options.events + 1))
        start_later = self.random.random() < 0.5
        self.start_thread()
        outside, last = None, None
        for number in range(options.events):
            if len(self.threads) < options.threads and (not start_later or number > options.events // 3):
                self.now += 1
                self.start_thread()
            thread = self.random.choice(self.threads)
            # At one moment two threads may only do what does not touch the other's blocks.
            tie = last is not thread and self.random.random() < 0.05
            if not tie:
                self.now += self.random.choice((1, 1, 10, 100, 300, 20000))
            last = thread
            chance = self.random.random()
            if options.with_second_lanes and chance < 0.02 and not tie:
                self.interrupt(thread)
            elif self.serials > 1 and chance < 0.025 and not tie:
                self.end_thread()
            elif chance < 0.03:
                if outside is None or self.random.random() < 0.1:
                    sequence = []
                    outside = Stream(self, OUTSIDE, 0, 0, 0, sequence)
                    self.sequences.append((sequence, outside))
                self.sample(outside, self.now, 4)
            else:
                self.step(thread, thread.first, tie)
        for stream in self.streams:
            if stream.chunks and self.random.random() < 0.7:
                stream.close_chunk()

    # --- the file

    def write(self, path):
        options = self.options
        limit = self.next + self.random.choice((0, 1 << 20, 1 << 34))
        exited = options.kill_at_byte is None and self.random.random() < 0.5
        # Killed while it was trimmed: `next` is the limit.
        self.header_next = limit if not exited and self.random.random() < 0.2 else self.next
        self.exit_ticks = self.now + 10 if exited else 0
        with open(path, "wb") as file:
            file.write(self.header(limit, exited))
            for offset, data in self.strange.items():
                file.seek(offset)
                file.write(data)
            for chunk in self.chunks:
                file.seek(chunk.offset)
                file.write(chunk.bytes())
            size = limit if self.random.random() < 0.5 else self.next
            self.size = size if options.kill_at_byte is None else min(size, options.kill_at_byte)
            file.truncate(self.size)

    def header(self, limit, exited):
        data = bytearray(GRANULE)
        clock = 2 if self.options.clock == "monotonic" else 1
        struct.pack_into("=8s6I16s4I6Q", data, 0, b"memtrace", 0x01020304, self.version, GRANULE, 4096, 4096, 8, b"run-id-of-trace!",
                         4001, 4000, 62, clock, START_TICKS, START_NS, 1_700_000_000_000_000_000, 0,
                         self.header_next, limit)  # fmt: skip
        struct.pack_into("=II", data, 168, self.depth_limit, 1)
        if exited:
            struct.pack_into("=IiQQQI", data, 176, 1, 0, self.exit_ticks, self.monotonic(self.exit_ticks), 0, 4001)
        at = 4096
        for kind, text in ((1, b"/usr/bin/true"), (2, b"true\0--with space\0"), (8, b"1"), (99, b"unknown")):
            struct.pack_into("=II", data, at, kind, len(text))
            data[at + 8 : at + 8 + len(text)] = text
            at = (at + 8 + len(text) + 7) // 8 * 8
        return data

    # --- the truth

    def in_file(self, items):
        return [item for item in items if item.end <= self.size]

    def true_sequences(self):
        """(offset of the first chunk, offset of the first record, items) of each sequence in the file."""
        begun = {chunk.offset for chunk in self.chunks if chunk.offset + 128 <= self.size}
        chunk_starts = sorted(begun)
        lone = list(self.lone_runs)
        for entries, stream in self.sequences:
            items = []
            for entry in entries:
                if isinstance(entry, Item):
                    items += self.in_file([entry])
                elif entry.chunk in begun:
                    items += self.in_file(entry.items)
                else:
                    lone.append(entry)
            if items:
                yield stream.chunks[0].offset, 0, items
        for run in lone:
            items = self.in_file(run.items)
            if items:
                yield max(start for start in chunk_starts if start <= items[0].start), items[0].start, items

    def truth(self):
        """Pairs (key, item) in the order of the trace."""
        keyed = []
        for chunk, record, items in self.true_sequences():
            key = 0
            for number, item in enumerate(items):
                key = max(key, item.time)
                keyed.append((key, chunk, record, number, item))
        keyed.sort(key=lambda entry: entry[:4])
        return [(entry[0], entry[4]) for entry in keyed]

    def clock(self):
        """(ticks, ns) since the start of the moment that the speed of the clock is taken from."""
        moments = [chunk.ticks for chunk in self.chunks if chunk.offset + 128 <= self.size]
        moments += [ticks for offset, ticks in self.pairs_of_strange if offset + 128 <= self.size]
        last = max(moments + [self.exit_ticks])  # both clocks grow together: the greatest of one is that of both
        if self.options.clock == "monotonic" or last <= START_TICKS:
            return 1, 1
        return last - START_TICKS, self.monotonic(last) - START_NS

    def write_expected(self, path):
        ticks, ns = self.clock()
        live, given_up = {}, {}
        counts = dict.fromkeys(("allocations", "frees", "allocated_bytes", "live_blocks", "live_bytes",
                                "peak_live_bytes", "failed"), 0)  # fmt: skip
        live_bytes = 0
        with open(path, "w", encoding="ascii") as file:
            for key, item in self.truth():
                file.write(f"{max(key - START_TICKS, 0) * ns // ticks} {item.thread} {item.text}\n")
                effect = item.effect
                if effect is None:
                    continue
                gone = None
                if effect[0] == "allocate":
                    counts["allocations"] += 1
                    counts["allocated_bytes"] += effect[2]
                    live_bytes += effect[2] - live.get(effect[1], 0)
                    live[effect[1]] = effect[2]
                elif effect[0] == "restore":
                    counts["failed"] += 1
                    counts["frees"] -= 1
                    address, size = given_up.pop(effect[1])
                    if size is not None:
                        live_bytes += size - live.get(address, 0)
                        live[address] = size
                elif effect[0] == "failed":
                    counts["failed"] += 1
                else:
                    counts["frees"] += 1
                    gone = live.pop(effect[1], None)
                    live_bytes -= gone or 0
                    if effect[0] == "begin":
                        given_up[effect[2]] = (effect[1], gone)
                counts["peak_live_bytes"] = max(counts["peak_live_bytes"], live_bytes)
            counts["live_blocks"], counts["live_bytes"] = len(live), sum(live.values())
            for name, value in counts.items():
                file.write(f"{name}={value}\n")


def main():
    parser = argparse.ArgumentParser(description="Write a synthetic trace and what a reader must say of it.")
    parser.add_argument("trace")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--version", type=int, help="of the format; else the seed chooses")
    for kind in ("second-lanes", "realloc", "pool", "modules", "truncated"):
        parser.add_argument(f"--with-{kind}", action="store_true")
    parser.add_argument("--kill-at-byte", type=int, help="the file ends there; at least 65536")
    parser.add_argument("--clock", choices=("tsc", "monotonic"), default="tsc")
    options = parser.parse_args()
    if options.kill_at_byte is not None and options.kill_at_byte < GRANULE:
        parser.error("--kill-at-byte: below 65536 there is no trace")
    if os.path.lexists(options.trace):
        os.unlink(options.trace)
    world = World(options)
    world.play()
    world.write(options.trace)
    world.write_expected(options.trace + ".expected")


if __name__ == "__main__":
    main()
