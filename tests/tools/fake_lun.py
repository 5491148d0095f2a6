"""The disk of the fake target: one LUN in RAM with a volatile write cache, and its SCSI commands.

A command comes in as (cdb, data out) and ends as an Answer. What was written and not synchronised
can be lost on demand (lose_cache), as a disk array with a dead battery loses it.
"""

import struct
import threading

GOOD, CHECK_CONDITION, BUSY, RESERVATION_CONFLICT, TASK_SET_FULL = 0, 2, 8, 0x18, 0x28

ILLEGAL_OPCODE = (5, 0x20, 0x00)
ILLEGAL_FIELD = (5, 0x24, 0x00)
OUT_OF_RANGE = (5, 0x21, 0x00)

PROTECTED = (0x28, 0x88, 0x2a, 0x8a, 0x41, 0x93)  # carry RDPROTECT, WRPROTECT


class Answer:
    def __init__(self, data=b"", status=GOOD, sense=None):
        self.data = data
        self.status = status
        self.sense = sense  # (key, asc, ascq), fixed format, or bytes as they are


def sense_bytes(sense):
    if isinstance(sense, (bytes, bytearray)):
        return bytes(sense)
    key, asc, ascq = sense
    return bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0])


def check(*sense):
    return Answer(status=CHECK_CONDITION, sense=sense)


class Lun:
    def __init__(self, size, block, serial, thin=True, number=0):
        self.block = block
        self.data = bytearray(size)
        self.serial = serial
        self.thin = thin
        self.number = number
        self.write_cache = True
        self.read_only = False
        self.allocated = set()
        self.undo = {}  # block number -> what it held at the last SYNC
        self.lock = threading.Lock()
        self.counts = {}
        self.commands = {
            0x00: lambda cdb, out: Answer(), 0x03: self.request_sense, 0x12: self.inquiry,
            0x1a: self.mode_sense, 0x5a: self.mode_sense, 0x25: self.read_capacity_10,
            0x9e: self.service_in, 0xa0: self.report_luns,
            0x28: self.read, 0x88: self.read, 0x2a: self.write, 0x8a: self.write,
            0x35: self.sync, 0x91: self.sync, 0x41: self.write_same, 0x93: self.write_same,
            0x42: self.unmap,
        }

    @property
    def blocks(self):
        return len(self.data) // self.block

    def run(self, cdb, out):
        self.counts[cdb[0]] = self.counts.get(cdb[0], 0) + 1
        command = self.commands.get(cdb[0])
        if command is None:
            return check(*ILLEGAL_OPCODE)
        if cdb[0] in PROTECTED and cdb[1] & 0xe0:
            return check(*ILLEGAL_FIELD)
        with self.lock:
            return command(cdb, out)

    def allocation_length(self, cdb):
        """How much data the initiator has room for; None where the CDB says it in blocks."""
        where = {0x03: ">4xB", 0x12: ">3xH", 0x1a: ">4xB", 0x5a: ">7xH", 0xa0: ">6xI",
                 0x9e: ">10xI"}.get(cdb[0])
        return struct.unpack_from(where, cdb)[0] if where else None

    # The volatile cache.
    def store(self, lba, data):
        for i in range(len(data) // self.block):
            at = (lba + i) * self.block
            self.undo.setdefault(lba + i, bytes(self.data[at:at + self.block]))
            self.allocated.add(lba + i)
        self.data[lba * self.block:lba * self.block + len(data)] = data

    def lose_cache(self):
        with self.lock:
            lost = len(self.undo)
            for lba, old in self.undo.items():
                self.data[lba * self.block:(lba + 1) * self.block] = old
            self.undo.clear()
        return lost

    def resize(self, size):
        with self.lock:
            self.data = self.data[:size] + bytearray(max(0, size - len(self.data)))

    # Commands that tell about the LUN.
    def request_sense(self, cdb, out):
        return Answer(sense_bytes((0, 0, 0)))

    def report_luns(self, cdb, out):
        numbers = sorted({0, self.number})
        entries = b"".join(struct.pack(">H6x", n if n < 256 else 0x4000 | n) for n in numbers)
        return Answer(struct.pack(">I4x", len(entries)) + entries)

    def inquiry(self, cdb, out):
        if not cdb[1] & 1:
            data = struct.pack(">BBBBB3B8s16s4s", 0, 0, 6, 2, 31, 0, 0, 2, b"HOLDFAST",
                               b"FAKE TARGET".ljust(16), b"0001")
            return Answer(data)
        page = cdb[2]
        pages = {0x00: bytes([0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2]), 0x80: self.serial.encode(),
                 0x83: self.designators(), 0xb0: self.block_limits(),
                 0xb1: struct.pack(">HBB56x", 1, 0, 0),
                 0xb2: bytes([0, 0xe4 if self.thin else 0, 2 if self.thin else 0, 0])}
        if page not in pages:
            return check(*ILLEGAL_FIELD)
        return Answer(struct.pack(">BBH", 0, page, len(pages[page])) + pages[page])

    def designators(self):
        t10 = b"HOLDFAST" + self.serial.encode()
        naa = bytes([0x60]) + self.serial.encode().rjust(15, b"\0")[-15:]
        return bytes([2, 1, 0, len(t10)]) + t10 + bytes([1, 3, 0, len(naa)]) + naa

    def block_limits(self):
        # From byte 4 of the page on; SBC-4 6.6.4.
        return struct.pack(">BBHIIIIIIIQ", 0, 0, 1, 0, 0, 0, 0x10000 if self.thin else 0,
                           16 if self.thin else 0, 1, 0x80000000, 0x10000) + bytes(20)

    def read_capacity_10(self, cdb, out):
        return Answer(struct.pack(">II", min(self.blocks - 1, 0xffffffff), self.block))

    def service_in(self, cdb, out):
        action = cdb[1] & 0x1f
        if action == 0x10:
            return Answer(struct.pack(">QIBBH16x", self.blocks - 1, self.block, 0, 0,
                                      0xc000 if self.thin else 0))
        if action == 0x12 and self.thin:
            return self.lba_status(struct.unpack_from(">Q", cdb, 2)[0])
        return check(*ILLEGAL_FIELD)

    def lba_status(self, lba):
        if lba >= self.blocks:
            return check(*OUT_OF_RANGE)
        mapped = lba in self.allocated
        end = lba
        while end < self.blocks and end - lba < 0xffffffff and (end in self.allocated) == mapped:
            end += 1
        return Answer(struct.pack(">I4xQIB3x", 20, lba, end - lba, 0 if mapped else 1))

    def mode_sense(self, cdb, out):
        page = cdb[2] & 0x3f
        pages = {0x08: bytes([0x08, 18, 4 if self.write_cache else 0]) + bytes(17),
                 0x0a: bytes([0x0a, 10]) + bytes(10)}
        pages[0x3f] = pages[0x08] + pages[0x0a]
        if page not in pages:
            return check(*ILLEGAL_FIELD)
        data = pages[page]
        specific = (0x80 if self.read_only else 0) | 0x10
        if cdb[0] == 0x1a:
            return Answer(bytes([len(data) + 3, 0, specific, 0]) + data)
        return Answer(struct.pack(">HBBBBH", len(data) + 6, 0, specific, 0, 0, 0) + data)

    # Commands on the data.
    def span(self, cdb):
        """(lba, blocks) of a READ, WRITE, WRITE SAME or SYNC; None when out of range."""
        if cdb[0] in (0x28, 0x2a, 0x35, 0x41):
            lba, blocks = struct.unpack_from(">I", cdb, 2)[0], struct.unpack_from(">H", cdb, 7)[0]
        else:
            lba, blocks = struct.unpack_from(">QI", cdb, 2)
        return (lba, blocks) if lba + blocks <= self.blocks else None

    def read(self, cdb, out):
        span = self.span(cdb)
        if span is None:
            return check(*OUT_OF_RANGE)
        lba, blocks = span
        return Answer(bytes(self.data[lba * self.block:(lba + blocks) * self.block]))

    def write(self, cdb, out):
        span = self.span(cdb)
        if span is None:
            return check(*OUT_OF_RANGE)
        if self.read_only:
            return check(7, 0x27, 0)
        if len(out) != span[1] * self.block:
            return check(0x0b, 0x4b, 0)
        self.store(span[0], out)
        if cdb[1] & 0x08 or not self.write_cache:
            for lba in range(span[0], span[0] + span[1]):
                self.undo.pop(lba, None)
        return Answer()

    def sync(self, cdb, out):
        self.undo.clear()
        return Answer()

    def write_same(self, cdb, out):
        span = self.span(cdb)
        if span is None:
            return check(*OUT_OF_RANGE)
        lba, blocks = span
        pattern = bytes(self.block) if cdb[1] & 1 else bytes(out[:self.block])
        self.store(lba, pattern * blocks)
        if cdb[1] & 0x08 and not any(pattern):
            self.allocated.difference_update(range(lba, lba + blocks))
        return Answer()

    def unmap(self, cdb, out):
        if not self.thin:
            return check(*ILLEGAL_OPCODE)
        for at in range(8, 8 + struct.unpack_from(">H", out, 2)[0], 16):
            lba, blocks = struct.unpack_from(">QI", out, at)
            if lba + blocks > self.blocks:
                return check(*OUT_OF_RANGE)
            self.store(lba, bytes(blocks * self.block))
            self.allocated.difference_update(range(lba, lba + blocks))
        return Answer()
