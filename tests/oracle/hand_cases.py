#!/usr/bin/env python3
"""Traces written byte by byte, with answers worked out on paper in the comments.

make_trace.py and read_trace.py could share a misreading of docs/trace-format.md; these bytes were made by
neither. Run it alone (python3 tests/oracle/hand_cases.py), or with DUMP="build/memtrace dump" to hold
another reader against the cases that a dump can answer. G is 0x9e3779b97f4a7c15, the golden ratio.
"""

import os
import shlex
import struct
import subprocess
import sys
import tempfile
import unittest

READER = [sys.executable, "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "read_trace.py")]
DUMP = shlex.split(os.environ["DUMP"]) if "DUMP" in os.environ else READER + ["dump"]
OWN_READER = "DUMP" not in os.environ

FIRST, SECOND = 65536, 131072  # where the first two chunks are
LANE, OUTSIDE = 1, 2


def header(chunks, **changes):
    """65536 bytes. Ticks are ns of CLOCK_MONOTONIC and the trace starts at tick 1000, unless CHANGES say else."""
    data = bytearray(65536)
    data[0:8] = b"memtrace"
    fields = {"byte_order": (8, "I", 0x01020304), "version": (12, "I", 1), "header_bytes": (16, "I", 65536),
              "info_offset": (20, "I", 4096), "clock_kind": (60, "I", 2), "start_ticks": (64, "Q", 1000),
              "start_monotonic_ns": (72, "Q", 1000), "next": (96, "Q", 65536 * (1 + chunks)),
              "limit": (104, "Q", 1 << 30), "exit_kind": (176, "I", 0), "exit_ticks": (184, "Q", 0),
              "exit_monotonic_ns": (192, "Q", 0)}  # fmt: skip
    for name, (at, kind, value) in fields.items():
        struct.pack_into("=" + kind, data, at, changes.get(name, value))
    return bytes(data)


def chunk(offset, records, kind=LANE, lane=0, thread=1, previous=0, ticks=1000, monotonic_ns=1000, committed=0):
    """A chunk of 65536 bytes with RECORDS, hexadecimal."""
    head = struct.pack("=IHHQQQIIQQQ", 0x4B48434D, kind, lane, offset, 65536, committed, thread, 77, previous, ticks,
                       monotonic_ns)  # fmt: skip
    return (head.ljust(128, b"\0") + bytes.fromhex(records)).ljust(65536, b"\0")


class Case(unittest.TestCase):
    def run_reader(self, command, content):
        with tempfile.NamedTemporaryFile(suffix=".mtr") as file:
            file.write(content)
            file.flush()
            return subprocess.run(command + [file.name], capture_output=True, text=True, check=False)

    def said(self, command, content):
        result = self.run_reader(command, content)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.splitlines()

    def dumps(self, content, *lines):
        self.assertEqual(self.said(DUMP, content), list(lines))

    def dumps_records(self, records, *lines):
        self.dumps(header(1) + chunk(FIRST, records), *lines)


class Addresses(Case):
    def test_delta_then_hit(self):
        # malloc(24) at 0x1000. Previous block 0: d = 0x1000 >> 4 = 256, zigzag 512, c = 64 + 512 = 576
        # = 4 * 128 + 64: LEB c0 04. slot(0x1000): 0x100 * G mod 2^64 = 0x3779b97f4a7c1500, its first byte
        # 0x37 = 00110111, top six bits 001101 = 13. So the free is code 0d.
        self.dumps_records("01 18 c0 04  06 0d",
                           "0 1 malloc size=24 address=0x1000 stack=-", "0 1 free address=0x1000")  # fmt: skip

    def test_escapes_and_the_top_of_the_address_space(self):
        # An escape is code 64 = 0x40 and eight bytes. From 0xffff ffff ffff ffff, d = +1 is z = 2, c = 66 =
        # 0x42: 0x0fff ffff ffff ffff + 1 = 2^60, times 16 is 2^64, that is 0. From 0, d = -1 is z = 1, c =
        # 0x41: -16. Empty slots hold 0: code 05 is address 0. From 0, d = +1, c = 0x42: 0x10.
        self.dumps_records(
            "06 40 08 10 00 00 00 00 00 00  06 40 ff ff ff ff ff ff ff ff  06 42  06 41  06 05  06 42",
            "0 1 free address=0x1008", "0 1 free address=0xffffffffffffffff", "0 1 free address=0x0",
            "0 1 free address=0xfffffffffffffff0", "0 1 free address=0x0", "0 1 free address=0x10",
        )  # fmt: skip

    def test_an_unaligned_address_takes_the_slot_of_its_granule(self):
        # 0x1008 >> 4 = 0x100: slot 13, as 0x1000. Then d = 0 cannot be coded (c = 64 is the escape), so 0x1000
        # comes by escape and replaces it in slot 13.
        self.dumps_records(
            "06 40 08 10 00 00 00 00 00 00  06 0d  06 40 00 10 00 00 00 00 00 00  06 0d",
            "0 1 free address=0x1008", "0 1 free address=0x1008", "0 1 free address=0x1000", "0 1 free address=0x1000",
        )  # fmt: skip


# Return addresses: 0x100 * G starts with 0x377 = 0011 0111 0111, top seven bits 0011011 = 27 = 0x1b;
# 0x10000 * G mod 2^64 = 0x79b97f4a7c150000, 0x79b = 0111 1001 1011, top seven 0111100 = 60 = 0x3c.
# Codes: 0x100 from 0: z = 512, c = 128 + 512 = 640 = 5 * 128: 80 05. 0x10000 from 0x100: d = 65280, z = 130560,
# c = 130688 = 1021 * 128, 1021 = 7 * 128 + 125: 80 fd 07.
# malloc(1) at 0x1000 with the stack 0x10000 called by 0x100: nothing dropped, two added, the outer first.
TWO_FRAMES = "21 01 c0 04 00 02 80 05 80 fd 07"
TWO_FRAMES_LINE = "0 1 malloc size=1 address=0x1000 stack=0x10000,0x100"


class StacksOfVersion2(Case):
    """The first LEB of a stack: bit 0 set, a delta, shifted by one; else twice the number of a remembered stack."""

    # As TWO_FRAMES: nothing dropped, 00 << 1 | 1 = 01, two added. It is stack 0.
    FIRST = "21 01 c0 04 01 02 80 05 80 fd 07 "

    def dumps_version_2(self, records, *lines):
        self.dumps(header(1, version=2) + chunk(FIRST, records), *lines)

    def test_deltas_are_remembered_by_number(self):
        # Stack 1: dropped 1 (1 << 2 | 1 = 05), added 1: code 1b is 0x100. Then stack 0 (00), stack 1 (02), no STACK:
        # stack 1 still. Then a delta from it: dropped 2 (09), added 0: the empty stack is stack 2; 00, 04.
        self.dumps_version_2(
            self.FIRST + "21 02 0d 05 01 1b  21 03 0d 00  21 04 0d 02  01 05 0d  21 06 0d 09 00  21 07 0d 00  21 08 0d 04",
            TWO_FRAMES_LINE, "0 1 malloc size=2 address=0x1000 stack=0x100,0x100",
            "0 1 malloc size=3 address=0x1000 stack=0x10000,0x100", "0 1 malloc size=4 address=0x1000 stack=0x100,0x100",
            "0 1 malloc size=5 address=0x1000 stack=0x100,0x100", "0 1 malloc size=6 address=0x1000 stack=-",
            "0 1 malloc size=7 address=0x1000 stack=0x10000,0x100", "0 1 malloc size=8 address=0x1000 stack=-",
        )  # fmt: skip

    def test_the_sixty_fifth_replaces_the_first(self):
        # 63 more of the same frames (dropped 0, added 0: 01 00) are stacks 1 to 63; the next one, with 0x100 inside
        # (added 1, code 1b), is stack 0 again. 7e is stack 63.
        self.dumps_version_2(
            self.FIRST + "21 02 0d 01 00 " * 63 + "21 03 0d 01 01 1b  21 04 0d 7e  21 05 0d 00",
            TWO_FRAMES_LINE, *["0 1 malloc size=2 address=0x1000 stack=0x10000,0x100"] * 63,
            "0 1 malloc size=3 address=0x1000 stack=0x100,0x10000,0x100",
            "0 1 malloc size=4 address=0x1000 stack=0x10000,0x100",
            "0 1 malloc size=5 address=0x1000 stack=0x100,0x10000,0x100",
        )  # fmt: skip

    def test_truncated_stacks_are_not_remembered(self):
        # dropped 0, outer: (0 << 1 | 1) << 1 | 1 = 03; added 0, truncated 1, nothing outside changes. There is no
        # stack 1. A reference to stack 0 is whole again.
        lines = [TWO_FRAMES_LINE, "0 1 malloc size=2 address=0x1000 stack=0x10000,0x100,..."]
        truncated = self.FIRST + "21 02 0d 03 00 01 00 00 "
        self.dumps_version_2(truncated + "21 03 0d 02", *lines)
        self.dumps_version_2(truncated + "21 03 0d 00", *lines, "0 1 malloc size=3 address=0x1000 stack=0x10000,0x100")

    def test_a_number_of_no_stack_ends_the_chunk(self):
        self.dumps_version_2(self.FIRST + "21 02 0d 02", TWO_FRAMES_LINE)
        self.dumps_version_2(self.FIRST + "21 02 0d 80 01", TWO_FRAMES_LINE)  # 64

    def test_usable_sizes_go_by_class(self):
        # 17 to 24 are one class, 3; usable 24 of 17: +7, zigzag 14 = 0e. 25 is of class 4. 2065 is of class 259, which
        # has the slot of 3: usable 2072, +7, of 2065 = 91 10. Blocks: escaped address 0, then code 00.
        self.dumps_version_2(
            "41 11 40 00 00 00 00 00 00 00 00 0e  01 18 00  01 19 00  41 91 10 00 0e  01 12 00",
            "0 1 malloc size=17 usable=24 address=0x0 stack=-", "0 1 malloc size=24 usable=24 address=0x0 stack=-",
            "0 1 malloc size=25 address=0x0 stack=-", "0 1 malloc size=2065 usable=2072 address=0x0 stack=-",
            "0 1 malloc size=18 address=0x0 stack=-",
        )  # fmt: skip

    def test_thread_start_forgets(self):
        # thread_start of 7 bytes: serial 2, tid 9, ticks 1000 = e8 07, stack 0 to 0, pointer 0: 7 bytes.
        self.dumps_version_2(self.FIRST + "0f 01 07 02 09 e8 07 00 00 00  21 02 c0 04 00", TWO_FRAMES_LINE,
                             "0 2 thread_start tid=9 stack=0x0-0x0 thread_pointer=0x0")  # fmt: skip


class Stacks(Case):
    def test_frames_are_added_outer_first_and_kept(self):
        # Then: no STACK, the same stack. Then dropped 1 (value 2), added 1: code 1b is 0x100. Then dropped 2
        # (value 4), added 0: empty. Blocks: code 0d is 0x1000.
        self.dumps_records(
            TWO_FRAMES + " 01 02 0d  21 03 0d 02 01 1b  21 04 0d 04 00",
            TWO_FRAMES_LINE, "0 1 malloc size=2 address=0x1000 stack=0x10000,0x100",
            "0 1 malloc size=3 address=0x1000 stack=0x100,0x100", "0 1 malloc size=4 address=0x1000 stack=-",
        )  # fmt: skip

    def test_outer_change_of_a_truncated_stack(self):
        # dropped 0 and the outer bit: 01; added 1; truncated 1; outer_dropped 1 (0x100 goes); outer_added 2,
        # from the inner end outwards: 0x200 (next to 0x10000), then 0x300 (outermost); then inside 0x400.
        # 0x200 from 0x10000: d = -65024, z = 2 * 65024 - 1 = 130047, c = 130175 = 1016 * 128 + 127, 1016 = 7 *
        # 128 + 120: ff f8 07. 0x300 from 0x200 and 0x400 from 0x300: d = 256, 80 05 both.
        # The next record keeps it, truncation included; the last says that it is truncated no more: dropped 3
        # (3 << 1 | 1 = 07), added 0, truncated 0, outer 0 and 0: the outermost, 0x300, is left.
        self.dumps_records(
            TWO_FRAMES + "21 02 0d 01 01 01 01 02 ff f8 07 80 05 80 05  01 03 0d  21 04 0d 07 00 00 00 00",
            TWO_FRAMES_LINE, "0 1 malloc size=2 address=0x1000 stack=0x400,0x10000,0x200,0x300,...",
            "0 1 malloc size=3 address=0x1000 stack=0x400,0x10000,0x200,0x300,...",
            "0 1 malloc size=4 address=0x1000 stack=0x300",
        )  # fmt: skip

    def test_return_addresses_wrap_and_escape(self):
        # Escape: 128 = LEB 80 01. 2^64 - 1, then d = +2: z = 4, c = 132 = 84 01, address 1. Truncated when empty.
        self.dumps_records("21 01 0d 00 02 80 01 ff ff ff ff ff ff ff ff 84 01  21 01 0d 05 00 01 00 00",
                           "0 1 malloc size=1 address=0x0 stack=0x1,0xffffffffffffffff",
                           "0 1 malloc size=1 address=0x0 stack=-,...")  # fmt: skip

    def test_a_delta_that_drops_too_much_ends_the_chunk(self):
        # dropped 3 of 2 frames: value 6.
        self.dumps_records(TWO_FRAMES + " 21 02 0d 06 00 06 0d", TWO_FRAMES_LINE)


class Fields(Case):
    def test_usable_sizes_are_learned(self):
        # usable 40 of 24: +16, zigzag 32 = 20. Learned for 24, not for 25; 21 of 24 (-3, zigzag 5) replaces it.
        self.dumps_records(
            "41 18 c0 04 20  01 18 0d  01 19 0d  41 18 0d 05  02 18 0d",
            "0 1 malloc size=24 usable=40 address=0x1000 stack=-", "0 1 malloc size=24 usable=40 address=0x1000 stack=-",
            "0 1 malloc size=25 address=0x1000 stack=-", "0 1 malloc size=24 usable=21 address=0x1000 stack=-",
            "0 1 calloc size=24 usable=21 address=0x1000 stack=-",
        )  # fmt: skip

    def test_a_usable_size_is_forgotten_when_its_slot_is_taken(self):
        # Slots of sizes 1 and 378: G starts with 9e, slot 158. 378 = 0x17a: 378 / golden ratio = 233.6168 and
        # 1 / golden ratio = 0.6180, fractions times 256 = 157.9 and 158.2: slot 157 for 378. 611 = 378 + 233:
        # 611 / golden ratio = 377.6188, times 256 of the fraction = 158.4: slot 158, that of 1.
        self.dumps_records(
            "41 01 0d 2e  41 fa 02 0d 0c  01 01 0d  41 e3 04 0d 0a  01 01 0d  01 fa 02 0d",
            "0 1 malloc size=1 usable=24 address=0x0 stack=-", "0 1 malloc size=378 usable=384 address=0x0 stack=-",
            "0 1 malloc size=1 usable=24 address=0x0 stack=-", "0 1 malloc size=611 usable=616 address=0x0 stack=-",
            "0 1 malloc size=1 address=0x0 stack=-", "0 1 malloc size=378 usable=384 address=0x0 stack=-",
        )  # fmt: skip

    def test_sizes_and_times_are_modulo_2_to_the_64(self):
        # usable -2 of 1: -3, zigzag 5. A time 2^64 - 1 later is one tick earlier, and that is taken as equal.
        self.dumps_records("51 09 01 0d 05  16 ff ff ff ff ff ff ff ff ff 01 0d",
                           "9 1 malloc size=1 usable=18446744073709551614 address=0x0 stack=-",
                           "9 1 free address=0x0")  # fmt: skip

    def test_every_operation(self):
        # Aligned: entry 5, log2 6; failed: entry 6, log2 12, size 2^64 - 1 = nine times ff, 01.
        self.dumps_records(
            "01 01 c0 04  02 02 0d  07 0d 03 03 0d  07 0d 04 04 0d  05 05 06 05 0d  05 09 0c 06 0d  06 0d  07 0d"
            "08 01 07  07 0d 08 02 00  09 06 0c ff ff ff ff ff ff ff ff ff 01  0a 0a 0d  0b 0b 0d  81 0c 0d  86 0d",
            "0 1 malloc size=1 address=0x1000 stack=-", "0 1 calloc size=2 address=0x1000 stack=-",
            "0 1 realloc_begin address=0x1000", "0 1 realloc size=3 address=0x1000 stack=-",
            "0 1 realloc_begin address=0x1000", "0 1 reallocarray size=4 address=0x1000 stack=-",
            "0 1 posix_memalign alignment=64 size=5 address=0x1000 stack=-",
            "0 1 pvalloc alignment=4096 size=6 address=0x1000 stack=-",
            "0 1 free address=0x1000", "0 1 realloc_begin address=0x1000", "0 1 realloc_end outcome=failed size=7 stack=-",
            "0 1 realloc_begin address=0x1000", "0 1 realloc_end outcome=freed size=0 stack=-",
            "0 1 failed entry=aligned_alloc alignment=4096 size=18446744073709551615 stack=-",
            "0 1 realloc_null size=10 address=0x1000 stack=-", "0 1 reallocarray_null size=11 address=0x1000 stack=-",
            "0 1 allocated size=12 address=0x1000 stack=-", "0 1 freed address=0x1000",
        )  # fmt: skip

    def test_extensions(self):
        # Ticks 1100 = 8 * 128 + 76: cc 08, ns 100. Addresses: 0x4000 = 80 80 01, 0x5000 = 80 a0 01.
        # module: ticks, generation 1, start 0x4000, end 0x5000, bias 0x4000, 2 bytes of build-id ab cd, path "a%"
        # with 0xff: 3 bytes; payload 2 + 1 + 3 + 3 + 3 + 1 + 2 + 3 = 18 = 12.
        # module_gone: 2 + 1 + 3 = 6. sample: ticks, ns 0, reason 2, 5 sizes 1 to 5: 9, and a tenth byte of a later
        # version. mark: ticks, kind 0, "x y": 6. Unknown type 10: 2 bytes. time, ticks 1099 = cb 08, is before 1100:
        # taken as equal. fork: pid 7. thread_end: serial 3, tid 4.
        self.dumps_records(
            "0f 03 12 cc 08 01 80 80 01 80 a0 01 80 80 01 02 ab cd 61 25 ff  0f 04 06 cc 08 01 80 80 01"
            "0f 05 0a cc 08 00 02 01 02 03 04 05 63  0f 06 06 cc 08 00 78 20 79  0f 0a 02 06 0d  0f 07 02 cb 08"
            "0f 09 03 cc 08 07  0f 02 04 03 04 cc 08  06 05",
            "100 1 module generation=1 start=0x4000 end=0x5000 bias=0x4000 build_id=abcd path=a%25%FF",
            "100 1 module_gone generation=1 start=0x4000",
            "100 1 sample reason=running rss=1 peak_rss=2 pss=3 uss=4 recorder=5", "100 1 mark kind=user name=x%20y",
            "100 1 extension type=10 bytes=2", "100 1 time", "100 1 fork pid=7", "100 1 thread_end serial=3 tid=4",
            "100 1 free address=0x0",
        )  # fmt: skip

    def test_a_thread_start_hands_the_stream_over_and_resets(self):
        # serial 2, tid 9, ticks 1100, stack 0x4000-0x5000, thread_pointer 0x10: 1 + 1 + 2 + 3 + 3 + 1 = 11 = 0b.
        # Behind it slot 13 and the previous stack are empty, and time goes on from 1100.
        self.dumps_records(
            TWO_FRAMES + "0f 01 0b 02 09 cc 08 80 80 01 80 a0 01 10  11 05 02 0d",
            TWO_FRAMES_LINE, "100 2 thread_start tid=9 stack=0x4000-0x5000 thread_pointer=0x10",
            "105 2 malloc size=2 address=0x0 stack=-",
        )  # fmt: skip


class Ends(Case):
    def test_what_does_not_decode_ends_the_chunk(self):
        good = "0 1 malloc size=1 address=0x0 stack=-"
        for bad in (
            "00 06 05",  # nothing was committed
            "0c", "0d", "0e",  # no such operations
            "01 80 80 80 80 80 80 80 80 80 80 00 05",  # a LEB of eleven bytes
            "01 80 80 80 80 80 80 80 80 80 02 05",  # a LEB of 65 bits
            "26 05 00 00",  # a free has no stack
            "82 01 05",  # POOL is for malloc and free
            "05 04 04 01 05", "05 0a 04 01 05", "05 05 40 01 05",  # entries 4 and 10, aligned to 2^64
            "08 00 01", "08 03 01", "09 00 00 01", "1f 0a 00",  # outcomes 0 and 3, entry 0, a timed extension
            "21 01 05 01 00 02 00 00",  # truncated is 0 or 1
            "21 01 05 00 81 20" + "00" * 4097,  # 4097 frames
            "0f 05 08 01 00 02 01 02 03 04 05"[:-3],  # the chunk's next bytes are zero, but see below
            "0f 07 00", "0f 0a ff ff 03 06 05",  # a time without ticks, an extension beyond the chunk
        ):  # fmt: skip
            with self.subTest(bad):
                if bad.startswith("0f 05"):
                    bad = "0f 05 07 01 00 02 01 02 03 04"  # a sample of seven fields
                self.dumps_records("01 01 05 " + bad + " 06 05", good)

    def test_4096_frames_and_a_padded_leb_are_fine(self):
        # 4096 = 80 20. Size 1 as 81 80 00; the code 5 as 85 00.
        self.dumps_records("21 81 80 00 85 00 00 80 20" + "00" * 4096,
                           "0 1 malloc size=1 address=0x0 stack=" + ",".join(["0x0"] * 4096))  # fmt: skip

    def test_the_4097th_frame_ends_the_chunk(self):
        self.dumps_records("21 01 05 00 80 20" + "00" * 4096 + "06 05 21 01 05 00 01 00 06 05",
                           "0 1 malloc size=1 address=0x0 stack=" + ",".join(["0x0"] * 4096),
                           "0 1 free address=0x0")  # fmt: skip

    def test_a_record_does_not_go_on_in_the_next_chunk(self):
        # 65536 = 80 80 04 bytes of payload, for which the file has room, the chunk has not, committed or not.
        for committed in (0, 70000):
            with self.subTest(committed):
                self.dumps(header(2) + chunk(FIRST, "06 05  0f 0a 80 80 04", committed=committed) + chunk(SECOND, "06 05"),
                           "0 1 free address=0x0", "0 1 free address=0x0")  # fmt: skip

    def test_a_chunk_reaches_to_its_last_byte(self):
        # 65536 - 128 - 5 = 65403 = 510 * 128 + 123, 510 = 3 * 128 + 126: fb fe 03 bytes of an unknown extension.
        self.dumps(header(2) + chunk(FIRST, "0f 0a fb fe 03" + "06" * 65403) + chunk(SECOND, "06 05"),
                   "0 1 extension type=10 bytes=65403", "0 1 free address=0x0")  # fmt: skip

    def test_a_chunk_beyond_next_is_none(self):
        large = bytearray(chunk(FIRST, "06 05"))
        struct.pack_into("=Q", large, 16, 131072)
        content = bytes(large) + chunk(SECOND, "02 02 05")
        self.dumps(header(2) + content, "0 1 free address=0x0")  # the second lies inside the first
        self.dumps(header(1) + content)
        self.dumps(header(1, next=FIRST + 65536 + 65535) + content)

    def test_committed_ends_a_chunk(self):
        # Two records of three bytes; the third is behind committed = 134, and so is half of one at 133.
        for committed, count in ((134, 2), (133, 1), (131, 1), (128, 0), (1 << 40, 3)):
            with self.subTest(committed):
                self.dumps(header(1) + chunk(FIRST, "01 01 05 01 01 05 01 01 05", committed=committed),
                           *["0 1 malloc size=1 address=0x0 stack=-"] * count)  # fmt: skip

    def test_every_prefix_of_a_file(self):
        # malloc (3 bytes), free by escape (10), free (2): they end at 65536 + 131, 141 and 143.
        content = header(1) + chunk(FIRST, "01 01 05  06 40 08 10 00 00 00 00 00 00  06 05")
        lines = ["0 1 malloc size=1 address=0x0 stack=-", "0 1 free address=0x1008", "0 1 free address=0x0"]
        for length, count in ((65536, 0), (65600, 0), (65664, 0), (65666, 0), (65667, 1), (65676, 1), (65677, 2),
                              (65678, 2), (65679, 3), (70000, 3)):  # fmt: skip
            with self.subTest(length):
                self.dumps(content[:length], *lines[:count])

    def test_places_without_a_chunk(self):
        # Never begun; an unknown kind of two places with what looks like a chunk in it; beyond next.
        empty = bytes(65536)
        strange = bytearray(chunk(131072, "06 05", kind=9))
        struct.pack_into("=Q", strange, 16, 131072)
        content = header(5) + empty + bytes(strange) + chunk(196608, "06 05") + chunk(262144, "06 06 ")
        content += chunk(327680, "06 07") + chunk(393216, "06 08")
        self.dumps(content, "0 1 free address=0x0", "0 1 free address=0x0")


class Order(Case):
    def test_ticks_to_ns(self):
        # Clock kind 1. The greatest monotonic_ns is the exit's: 3000 ticks, 6000 ns; start 1000 ticks, 5000 ns: two
        # ticks a ns. The chunk begins at tick 1100; 1101 is 50.5 ns, rounded down. Without the exit record the
        # chunk's pair (1100, 5300) counts: 3 ns a tick, 303.
        records = "06 05  16 01 05"
        for kind, first, second in ((1, 50, 50), (0, 300, 303)):
            with self.subTest(kind):
                content = header(1, clock_kind=1, start_monotonic_ns=5000, exit_kind=kind, exit_ticks=3000,
                                 exit_monotonic_ns=6000)  # fmt: skip
                self.dumps(content + chunk(FIRST, records, ticks=1100, monotonic_ns=5300),
                           f"{first} 1 free address=0x0", f"{second} 1 free address=0x0")  # fmt: skip

    def test_no_pair_of_clocks(self):
        # The only chunk is of tick 900, before the start: ticks count as ns, times before the start as 0.
        self.dumps(header(1, clock_kind=1) + chunk(FIRST, "06 05 16 78 05", ticks=900, monotonic_ns=2000),
                   "0 1 free address=0x0", "20 1 free address=0x0")  # fmt: skip

    def test_before_the_start(self):
        # The second chunk's pair: 500 ticks after the start are 1000 ns. Tick 900 is before it, tick 1010 is 20 ns.
        self.dumps(header(2, clock_kind=1) + chunk(FIRST, "06 05 16 6e 05", ticks=900, monotonic_ns=800)
                   + chunk(SECOND, "", ticks=1500, monotonic_ns=2000),
                   "0 1 free address=0x0", "20 1 free address=0x0")  # fmt: skip

    def test_previous_links_chunks_of_one_kind_and_lane(self):
        # As the first lane's next chunk its records could not be before tick 1009.
        for lane, ns in ((0, 9), (1, 3)):
            with self.subTest(lane):
                lines = ["9 1 free address=0x0", f"{ns} 2 calloc size=1 address=0x0 stack=-"]
                self.dumps(header(2) + chunk(FIRST, "16 09 05")
                           + chunk(SECOND, "02 01 05", lane=lane, thread=2, previous=FIRST, ticks=1003),
                           *(lines if lane == 0 else lines[::-1]))  # fmt: skip

    def test_a_chunk_linked_to_what_is_not_there_begins_a_stream(self):
        for previous in (SECOND, 7 * 65536, 1):
            with self.subTest(previous):
                self.dumps(header(2) + chunk(FIRST, "16 09 05", previous=previous)
                           + chunk(SECOND, "02 01 05", previous=previous, ticks=1003),
                           "3 1 calloc size=1 address=0x0 stack=-", "9 1 free address=0x0")  # fmt: skip

    def test_beyond_64_bits_of_ns(self):
        # 1000 ns a tick, and a tick that is 2^60 (ten bytes less one: eight of 80, then 10) after the start.
        self.dumps(header(1, clock_kind=1) + chunk(FIRST, "16 80 80 80 80 80 80 80 80 10 05", ticks=1001, monotonic_ns=2000),
                   "18446744073709551615 1 free address=0x0")  # fmt: skip

    def test_streams_are_merged_by_time_and_ties_by_offset(self):
        # Thread 2's chunk comes first in the file. Times: thread 2 at 3 and 5, thread 1 at 2, 5 and 5.
        self.dumps(
            header(2) + chunk(FIRST, "16 03 05 16 02 05", thread=2)
            + chunk(SECOND, "16 02 05 16 03 05 06 05", thread=1),
            "2 1 free address=0x0", "3 2 free address=0x0", "5 2 free address=0x0", "5 1 free address=0x0",
            "5 1 free address=0x0",
        )  # fmt: skip

    def test_a_stream_goes_on_in_the_next_chunk_with_nothing_remembered(self):
        self.dumps(
            header(2) + chunk(FIRST, TWO_FRAMES, thread=3, committed=128 + 11)
            + chunk(SECOND, "01 02 0d", thread=4, previous=FIRST, ticks=1009),
            TWO_FRAMES_LINE.replace("0 1", "0 3"), "9 4 malloc size=2 address=0x0 stack=-",
        )  # fmt: skip

    def test_a_run_of_the_second_lane_goes_to_its_place(self):
        # First lane: frees of 2 bytes at 128, 130 and 132, all at tick 1000. Second lane: a lone time record (tick
        # 1002: ea 07), then lane_entry at tick 1001 (never back: 1002), chunk 65536 = 80 80 04, committed 132 =
        # 84 01: payload 2 + 3 + 2 = 7; a malloc; then lane_entry at 1003 with chunk 0, and a calloc. What follows
        # the first run in its sequence has no smaller key.
        self.dumps(
            header(2) + chunk(FIRST, "06 01 06 02 06 03")
            + chunk(SECOND, "0f 07 02 ea 07  0f 08 07 e9 07 80 80 04 84 01  01 07 05  0f 08 04 eb 07 00 00  02 08 05",
                    lane=1, thread=1),
            "0 1 free address=0x0", "0 1 free address=0x0", "2 1 lane_entry chunk=65536 committed=132",
            "2 1 malloc size=7 address=0x0 stack=-", "2 1 free address=0x0", "2 1 time",
            "3 1 lane_entry chunk=0 committed=0", "3 1 calloc size=8 address=0x0 stack=-",
        )  # fmt: skip

    def test_a_run_behind_the_last_record(self):
        # committed 131 = 83 01 is where the only record ends.
        self.dumps(
            header(2) + chunk(FIRST, "16 09 05") + chunk(SECOND, "0f 08 07 e9 07 80 80 04 83 01  01 07 05", lane=1),
            "9 1 free address=0x0", "9 1 lane_entry chunk=65536 committed=131", "9 1 malloc size=7 address=0x0 stack=-",
        )  # fmt: skip

    def test_a_run_behind_its_chunk_precedes_the_next_chunk(self):
        # committed 2^20 = 80 80 40, more than the chunk has.
        self.dumps(
            header(3) + chunk(FIRST, "16 09 05")
            + chunk(SECOND, "0f 08 08 e9 07 80 80 04 80 80 40  01 07 05", lane=1)
            + chunk(196608, "16 05 05", previous=FIRST, ticks=1010),
            "9 1 free address=0x0", "9 1 lane_entry chunk=65536 committed=1048576",
            "9 1 malloc size=7 address=0x0 stack=-", "15 1 free address=0x0",
        )  # fmt: skip

    def test_runs_at_one_place_go_by_their_offsets(self):
        # Two second-lane streams, both to byte 128 = 80 01 of the first chunk; the later one has the earlier times.
        run = "0f 08 07 {} 80 80 04 80 01"
        self.dumps(
            header(3) + chunk(FIRST, "16 14 05") + chunk(SECOND, run.format("f2 07"), lane=1, thread=2)
            + chunk(196608, run.format("e9 07"), lane=1, thread=3),
            "10 2 lane_entry chunk=65536 committed=128", "10 3 lane_entry chunk=65536 committed=128",
            "20 1 free address=0x0",
        )  # fmt: skip

    def test_a_thread_start_ends_a_run(self):
        # First lane: frees at 1001 and 1009. Second: a run for byte 131 = 83 01, between them, with a malloc at 1001;
        # then the stream goes to thread 2 at tick 1100, which would drag the second free to it.
        self.dumps(
            header(2) + chunk(FIRST, "16 01 05  16 08 05")
            + chunk(SECOND, "0f 08 07 e9 07 80 80 04 83 01  01 07 05"
                    "0f 01 0b 02 09 cc 08 80 80 01 80 a0 01 10  02 08 05", lane=1),
            "1 1 free address=0x0", "1 1 lane_entry chunk=65536 committed=131",
            "1 1 malloc size=7 address=0x0 stack=-", "9 1 free address=0x0",
            "100 2 thread_start tid=9 stack=0x4000-0x5000 thread_pointer=0x10", "100 2 calloc size=8 address=0x0 stack=-",
        )  # fmt: skip

    def test_what_precedes_the_first_lane_entry_behind_an_empty_chunk(self):
        # The second lane's first chunk was sealed before its first record; the next begins with a time record
        # (1002: ea 07) and a run for byte 128 = 80 01 of the first lane, at tick 1003.
        self.dumps(
            header(3) + chunk(FIRST, "16 09 05") + chunk(SECOND, "", lane=1, committed=128, ticks=1001)
            + chunk(196608, "0f 07 02 ea 07  0f 08 07 eb 07 80 80 04 80 01", lane=1, previous=SECOND, ticks=1001),
            "2 1 time", "3 1 lane_entry chunk=65536 committed=128", "9 1 free address=0x0",
        )  # fmt: skip

    def test_outside_chunks_are_of_thread_0(self):
        # ticks 1004 = ec 07, ns 0, reason 4, then five zeros.
        self.dumps(
            header(2) + chunk(FIRST, "16 05 05") + chunk(SECOND, "0f 05 09 ec 07 00 04 00 00 00 00 00", OUTSIDE, thread=0),
            "4 0 sample reason=outside rss=0 peak_rss=0 pss=0 uss=0 recorder=0", "5 1 free address=0x0",
        )  # fmt: skip


@unittest.skipUnless(OWN_READER, "of read_trace.py only")
class OwnCommands(Case):
    def test_counts(self):
        # malloc 100 at 0x1000; realloc to 300 at 0x2000 (from 0x1000: d = 256, c0 04): live 300. malloc 50 at
        # 0x1000 (d = -256, z = 511, c = 575 = bf 04): live 350. Its realloc to 2^40 fails (80 80 80 80 80 20):
        # begin takes it to 300, another malloc of 70 at 0x3000 (0x2000 more: d = 512, z = 1024, c = 1088 = c0 08)
        # in a handler to 370, the restored block to 420, the peak. realloc(0x3000, 0): 350, slot of 0x3000:
        # 0x300 * G starts with 0xa66d: 101001 = 41 = 29. A failed malloc. A pool's block, which does not count. A
        # free of a block never seen (0x0 in slot 0).
        # Allocations 100, 300, 50, 70 = 520 bytes; frees: 2 reallocs that gave up theirs, 1 unknown; failed 2.
        records = ("01 64 c0 04  07 0d  03 ac 02 c0 04  01 32 bf 04  07 0d  01 46 c0 08  08 01 80 80 80 80 80 20"
                   "07 29  08 02 00  09 01 00 80 80 80 80 80 20  81 64 29  06 00")  # fmt: skip
        self.assertEqual(self.said(READER + ["counts"], header(1) + chunk(FIRST, records)), [
            "allocations=4", "frees=3", "allocated_bytes=520", "live_blocks=2", "live_bytes=350", "peak_live_bytes=420",
            "failed=2"])  # fmt: skip

    def test_a_thread_start_leaves_a_realloc_open(self):
        # malloc 8, realloc_begin, the stream's next thread, and a failed realloc that closes nothing.
        records = "01 08 05  07 05  0f 01 0b 02 09 cc 08 80 80 01 80 a0 01 10  08 01 09"
        self.assertEqual(self.said(READER + ["counts"], header(1) + chunk(FIRST, records)), [
            "allocations=1", "frees=1", "allocated_bytes=8", "live_blocks=0", "live_bytes=0", "peak_live_bytes=8",
            "failed=1"])  # fmt: skip

    def test_a_realloc_goes_on_in_the_next_chunk(self):
        # malloc 8 and realloc_begin; in the next chunk a handler's realloc of a block never seen fails (07 42: 0x10),
        # then that of the block of 8 does.
        records = "07 42  08 01 09  08 01 09"
        self.assertEqual(
            self.said(READER + ["counts"], header(2) + chunk(FIRST, "01 08 05  07 05") + chunk(SECOND, records, previous=FIRST)),
            ["allocations=1", "frees=0", "allocated_bytes=8", "live_blocks=1", "live_bytes=8", "peak_live_bytes=8",
             "failed=2"])  # fmt: skip

    def test_header(self):
        data = bytearray(header(0))
        data[32:48] = bytes(range(16))
        struct.pack_into("=IIII", data, 48, 12, 11, 62, 1)
        struct.pack_into("=Ii", data, 112, 2, -28)
        struct.pack_into("=QQ", data, 232, 5, 1)
        # Kind 2, 12 bytes and 4 of padding; kind 8, 1 byte and 7; the end.
        data[4096:4116] = bytes.fromhex("02000000 0c000000") + b"ls\0a b\0-l%\0\0"
        data[4120:4129] = bytes.fromhex("08000000 01000000") + b"7"
        said = self.said(READER + ["header"], bytes(data))
        for line in ("byte_order=16909060", "version=1", "run_id=000102030405060708090a0b0c0d0e0f", "pid=12", "machine=62",
                     "parent_pid=11", "clock_kind=1", "stop_reason=2", "stop_errno=-28", "counter.0=5", "counter.1=1",
                     "counter.11=0", "info.command_line=ls a%20b -l%25 ", "info.recorder_version=7"):  # fmt: skip
            self.assertIn(line, said)


class BadInput(Case):
    def refused(self, content, words):
        result = self.run_reader(DUMP, content)
        self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1), result.stderr)
        if OWN_READER:
            self.assertIn(words, result.stderr)

    def test_no_traces(self):
        good = header(0)
        self.refused(b"", "empty")
        self.refused(b"#!/bin/sh\n" * 9000, "does not begin with")
        self.refused(bytes(65536), "never ready")
        self.refused(good[:65535], "cut short")
        self.refused(header(0, version=3), "version 3")
        self.refused(header(0, version=0), "version 0")
        self.refused(header(0, byte_order=0x04030201), "byte order")
        self.refused(header(0, header_bytes=131072) + bytes(65536), "header_bytes")
        self.refused(header(0, info_offset=4104), "info_offset")

    def test_no_files(self):
        for path in ("/", "/nonexistent.mtr", "/dev/null"):
            result = subprocess.run(DUMP + [path], capture_output=True, text=True, check=False)
            self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1), path)


if __name__ == "__main__":
    unittest.main()
