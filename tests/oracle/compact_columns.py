"""Blocks of the compact form that are split into columns, put together: for compact_trace.py.

Written from docs/trace-format.md, "Columns", alone.
"""

import struct
import sys

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
(OPERATIONS, TIMES, SIZES, DETAILS, STACKS, ALLOCATED, FREED, NUMBERS, ADDRESSES, EXTENSIONS, REST) = range(11)
TIMED, STACK, USABLE = 0x10, 0x20, 0x40
ALLOCATIONS = (1, 2, 3, 4, 5, 10, 11)
FREES = (6, 7)
ENTRY_OPERATIONS = (5, 9)
NO_SIZE = (6, 7)
REALLOC_END, EXTENSION, THREAD_START = 8, 15, 1
LITERAL, NUMBER = 255, 5


def unzigzag(value):
    return (value >> 1) ^ -(value & 1)


def zigzag(difference):
    """Of a difference modulo 2^64."""
    return difference << 1 & MASK if difference < 1 << 63 else (difference << 1 ^ MASK) & MASK


def leb(value):
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return made


class Column:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def take(self, count):
        self.at += count
        return self.data[self.at - count : self.at]

    def leb(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


class Heap:
    """The model that choices refer to."""

    def __init__(self):
        self.address, self.size_class, self.gone, self.listed = [0], [0], [False], [False]
        self.at = {}
        self.lists = {}
        self.ends, self.freed = [0] * 16, [0] * 8
        self.last_freed = self.age = self.stride = 0

    def number(self):
        return len(self.address) - 1

    @staticmethod
    def bytes_of(size):
        return max(((size + 8 & MASK) + 15 & MASK) & ~15, 32)

    def class_of(self, size):
        units = self.bytes_of(size) >> 4
        if units <= 64:
            return units
        top = units.bit_length() - 1
        return min(64 + 8 * (top - 6) + (units >> top - 3 & 7), 255)

    def allocate(self, size, choice, literal):
        """The address; LITERAL(from) gives the one of choice 255."""
        freed = self.lists.setdefault(self.class_of(size), [])
        while freed and self.gone[freed[-1]]:
            freed.pop()
        if choice == 0:
            address = self.address[freed[-1]]
        elif choice <= 16:
            address = self.ends[choice - 1]
        elif choice <= 24:
            address = self.freed[choice - 17]
        elif choice < LITERAL:
            address = self.address[freed[-1 - (choice - 24)]]
        else:
            address = literal(self.ends[0])
        if choice != 0:
            self.ends.pop(choice - 1 if choice <= 16 else 15)
            self.ends.insert(0, address + self.bytes_of(size) & MASK)
        if address in self.at:
            self.gone[self.at[address]] = True
        self.address.append(address)
        self.size_class.append(self.class_of(size))
        self.gone.append(False)
        self.listed.append(False)
        self.at[address] = self.number()
        return address

    def free(self, choice, number, literal):
        """The address; NUMBER() gives the difference for choice 5, LITERAL(from) the address of 255."""
        if choice == 4:
            address = self.freed[0] + self.stride & MASK
            block = self.at.get(address, 0)
        elif choice == LITERAL:
            address, block = literal(self.freed[0]), 0
        else:
            block = {0: self.last_freed + 1, 1: self.number() - self.age, 2: self.number(), 3: self.last_freed - 1}.get(choice)
            if block is None:
                block = self.last_freed + number()
            address = self.address[block]
        if block:
            self.last_freed, self.age = block, self.number() - block
            if not self.listed[block]:
                self.lists.setdefault(self.size_class[block], []).append(block)
            self.listed[block] = True
        self.stride = address - self.freed[0] & MASK
        self.freed = [address] + self.freed[:-1]
        return address


class AddressCodes:
    """How the recorder writes an address."""

    def __init__(self):
        self.slots, self.previous = [0] * 64, 0

    def code(self, address):
        slot = ((address >> 4) * GOLDEN & MASK) >> 58
        difference = zigzag((address >> 4) - (self.previous >> 4) & MASK)
        self.previous = address
        if self.slots[slot] == address:
            return leb(slot)
        self.slots[slot] = address
        if difference == 0 or difference + 64 > MASK or address % 16:
            return leb(64) + address.to_bytes(8, sys.byteorder)
        return leb(64 + difference)


class Joiner:
    def __init__(self, data, version):
        self.version = version
        sizes, at = struct.unpack_from("=11I", data), 44
        self.columns = []
        for size in sizes:
            self.columns.append(Column(data[at : at + size]))
            at += size
        self.heap = Heap()
        self.codes = AddressCodes()

    def literal(self, start):
        value = self.columns[ADDRESSES].leb()
        if value == 0:
            return int.from_bytes(self.columns[ADDRESSES].take(8), sys.byteorder)
        return (((start >> 4) + unzigzag(value - 1) & MASK) << 4) & MASK

    def stack(self):
        """A stack as it stands: its length is known by reading it."""
        column = self.columns[STACKS]
        start = column.at
        first = column.leb()
        if self.version > 1:
            if first & 1 == 0:  # a reference
                return column.data[start : column.at]
            first >>= 1
        outer = first & 1
        codes = column.leb()
        if outer:
            column.byte()
            column.leb()
            codes += column.leb()
        for _ in range(codes):
            if column.leb() == 128:
                column.take(8)
        return column.data[start : column.at]

    def extension(self):
        column = self.columns[EXTENSIONS]
        start = column.at
        kind = column.leb()
        column.take(column.leb())
        if kind == THREAD_START:
            self.codes = AddressCodes()
        return column.data[start : column.at]

    def record(self):
        columns = self.columns
        first = columns[OPERATIONS].byte()
        operation = first & 15
        made = bytearray([first])
        if operation == EXTENSION:
            return made + self.extension()
        if first & TIMED:
            made += leb(columns[TIMES].leb())
        if operation in ENTRY_OPERATIONS:
            made += columns[DETAILS].take(2)
        if operation == REALLOC_END:
            made += columns[DETAILS].take(1)
        if operation not in NO_SIZE:
            size = columns[SIZES].leb()
            made += leb(size)
        if operation in ALLOCATIONS:
            made += self.codes.code(self.heap.allocate(size, columns[ALLOCATED].byte(), self.literal))
        elif operation in FREES:
            made += self.codes.code(
                self.heap.free(columns[FREED].byte(), lambda: unzigzag(columns[NUMBERS].leb()), self.literal))
        if first & USABLE:
            made += leb(columns[DETAILS].leb())
        if first & STACK:
            made += self.stack()
        return made

    def chunk(self, stored, end):
        self.codes = AddressCodes()
        made = bytearray(self.columns[REST].take(128))
        while len(made) < end:
            made += self.record()
        return made + self.columns[REST].take(stored - len(made))


def join(data, entries, version):
    """The content of a block with ENTRIES (offset, stored_bytes, end) from its columns DATA."""
    joiner = Joiner(data, version)
    return bytes(b"".join(joiner.chunk(stored, end) for _offset, stored, end in entries))
