"""The compact form of traces, expanded to the raw one: for read_trace.py.

Written from docs/trace-format.md, "The compact form", alone. Blocks are found one after another, never by
the table; a damaged one is an error here, since what this reads was made by the tests.
"""

import os
import struct
import subprocess
import zlib

import compact_columns

MAGIC, SUFFIX = b"memtracz", ".compact"
HEADER_BYTES, BLOCK_BYTES, ENTRY_BYTES, FRONT_BYTES = 64, 48, 96, 65536
BLOCK_MAGIC = 0x4B4C427A
FRONT, CHUNKS, TABLE = 1, 2, 3
STORED, ZSTD, COLUMNS = 0, 1, 2


class BadCompact(Exception):
    """What is wrong with the file, a clause."""


class Block:
    """A block whose checksums agree."""

    def __init__(self, data, at):
        head = data[at : at + BLOCK_BYTES]
        (magic, self.kind, self.method, self.content_bytes, payload_bytes, offset, count, payload_crc, self.trace_version,
         crc) = struct.unpack("=IHHQQQIIII", head)  # fmt: skip
        if magic != BLOCK_MAGIC or offset != at or zlib.crc32(head[:44]) != crc:
            raise BadCompact(f"is damaged at byte {at}")
        payload = data[at + BLOCK_BYTES : at + BLOCK_BYTES + payload_bytes]
        if len(payload) < payload_bytes:
            raise EOFError
        if zlib.crc32(payload) != payload_crc:
            raise BadCompact(f"is damaged in the block at byte {at}")
        self.entries = []
        for entry in range(count):
            header = payload[entry * ENTRY_BYTES : (entry + 1) * ENTRY_BYTES]
            self.entries.append(struct.unpack_from("=8xQ48xQQ", header))  # offset, stored_bytes, end
        self.coded = payload[count * ENTRY_BYTES :]
        self.end = at + (BLOCK_BYTES + payload_bytes + 15) // 16 * 16


def read_blocks(data):
    """All blocks; whether the end is there: what is cut off is no error."""
    blocks, at = [], HEADER_BYTES
    while at + BLOCK_BYTES <= len(data):
        try:
            block = Block(data, at)
        except EOFError:
            break
        if block.kind == TABLE:
            return blocks, True
        blocks.append(block)
        at = block.end
    return blocks, False


def unzstd(frame):
    """A frame of Zstandard, decoded."""
    made = subprocess.run(["zstd", "-dcq", "--long=31"], input=frame, capture_output=True, check=False)
    if made.returncode != 0:
        raise BadCompact(f"has a block that zstd refuses: {made.stderr.decode(errors='replace').strip()}")
    return made.stdout


def contents(blocks):
    """Each block and its content."""
    for block in blocks:
        if block.method == STORED:
            content = block.coded
        elif block.method == ZSTD:
            content = unzstd(block.coded)
        elif block.method == COLUMNS:
            content = compact_columns.join(unzstd(block.coded), block.entries, block.trace_version)
        else:
            raise BadCompact(f"has a block of method {block.method}")
        if len(content) != block.content_bytes:
            raise BadCompact("has a block of another size than it says")
        yield block, content


def read_compact(fd):
    """Run id, front (None: none), {offset of a chunk: (bytes, content)}, whether it is whole."""
    data = os.pread(fd, os.fstat(fd).st_size, 0)
    head = data[:HEADER_BYTES]
    if len(head) < HEADER_BYTES or head[:8] != MAGIC or zlib.crc32(head[:60]) != struct.unpack_from("=I", head, 60)[0]:
        raise BadCompact("has a damaged header")
    if struct.unpack_from("=II", head, 8) != (0x01020304, 1):
        raise BadCompact("is of another byte order or version")
    front, chunks = None, {}
    blocks, whole = read_blocks(data)
    for block, content in contents(blocks):
        if block.kind == FRONT:
            front = content
        if block.kind != CHUNKS:
            continue
        at = 0
        for offset, stored, _end in block.entries:
            size = struct.unpack_from("=Q", content, at + 16)[0]
            chunks[offset] = (size, content[at : at + stored])
            at += stored
    return head[16:32], front, chunks, whole


def write_chunks(out, chunks):
    """Put CHUNKS at their places in the file OUT. Where the last one ends."""
    end = FRONT_BYTES
    for offset, (size, content) in sorted(chunks.items()):
        os.pwrite(out, content, offset)
        if len(content) < size:
            os.pwrite(out, bytes(size - len(content)), offset + len(content))
        end = max(end, offset + size)
    return end


def copy_data(source, out):
    """All that is not a hole."""
    size, at = os.fstat(source).st_size, 0
    os.truncate(out, size)
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:
            return
        hole = os.lseek(source, at, os.SEEK_HOLE)
        while at < hole:
            data = os.pread(source, min(hole - at, 1 << 20), at)
            os.pwrite(out, data, at)
            at += len(data)


def beside(path):
    """The descriptor of the file PATH, or None."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None


def run_id_of(fd):
    """Of a raw form; None: it is none."""
    head = os.pread(fd, 48, 0)
    return head[32:48] if head[:8] == b"memtrace" else None


def raw_form(path, fd):
    """The descriptor of a trace in the raw form: FD itself, or a file in memory with all of it."""
    raw, compact = fd, None
    if os.pread(fd, 8, 0) == MAGIC:
        compact, raw = fd, beside(path[: -len(SUFFIX)]) if path.endswith(SUFFIX) else None
    else:
        compact = beside(path + SUFFIX)
    if compact is None:
        return fd
    run_id, front, chunks, _whole = read_compact(compact)
    if raw is not None and run_id_of(raw) != run_id:
        raw = None
        if compact != fd:
            return fd
    out = os.memfd_create("expanded")
    if raw is not None:
        copy_data(raw, out)
    elif front is None:
        raise BadCompact("has lost the header of its trace")
    else:
        os.pwrite(out, front, 0)
    end = write_chunks(out, chunks)
    next_claimed = max(end, struct.unpack("=Q", os.pread(out, 8, 96))[0] if raw is not None else 0)
    if raw is None or os.fstat(out).st_size < end:
        os.truncate(out, end)
    os.pwrite(out, struct.pack("=Q", next_claimed), 96)
    return out
