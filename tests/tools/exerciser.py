#!/usr/bin/python3
"""Writes and verifies, and knows for every byte which answers would be right.

    exerciser.py run WHERE [options]            until --seconds or --stop, then reads all back
    exerciser.py check WHERE --model FILE       compares with what an earlier run left

WHERE is an NBD URI or a file. Several workers (processes, each with its own connection) own a
slice each, in units of 4096 bytes. A unit's contents tell its number, version and the run, so a
wrong byte says where it comes from. The report (JSON) has: operations, errors, longest gap, and
each gap of a worker longer than a second as [from, to] in seconds of CLOCK_MONOTONIC.

Exit status: 0 right, 1 wrong data or an error (the first ones are printed).
"""

import argparse
import array
import ctypes
import json
import mmap
import os
import random
import struct
import sys
import threading
import time

UNIT = 4096
MAX_UNITS = 32
GAP_SECONDS = 1.0
OPERATIONS, COMPLAINTS, WAITING_SINCE, FIGURES = range(4)  # a worker's, in shared memory
MAGIC = 0x486f6c6446617374


def contents(unit, version, run):
    """What a unit holds; version 0 is all zeros."""
    if version == 0:
        return bytes(UNIT)
    return struct.pack("<QQQQ", MAGIC, unit, version, run) * (UNIT // 32)


def describe(data):
    magic, unit, version, run = struct.unpack_from("<QQQQ", data)
    if not any(data):
        return "zeros"
    if magic != MAGIC:
        return f"foreign bytes {data[:16].hex()}"
    torn = "" if data == contents(unit, version, run) else " (torn)"
    return f"unit {unit} version {version} of run {run:x}{torn}"


class Nbd:
    def __init__(self, uri):
        import nbd  # not needed for files
        self.h = nbd.NBD()
        self.h.set_export_name("")
        self.h.connect_uri(uri)
        self.size = self.h.get_size()
        self.can_zero = self.h.can_zero()

    def read(self, offset, length):
        return bytes(self.h.pread(length, offset))

    def write(self, offset, data):
        self.h.pwrite(data, offset)

    def write_durably(self, offset, data):
        import nbd
        self.h.pwrite(data, offset, nbd.CMD_FLAG_FUA)

    def zero(self, offset, length):
        self.h.zero(length, offset)

    def flush(self):
        self.h.flush()


class File:
    """With O_DIRECT where the file system has it."""

    def __init__(self, path):
        flags = os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY
        try:
            self.fd = os.open(path, flags | os.O_DIRECT)
        except OSError:
            self.fd = os.open(path, flags)
        self.size = os.lseek(self.fd, 0, os.SEEK_END)
        self.can_zero = True
        self.aligned = mmap.mmap(-1, UNIT * MAX_UNITS)
        self.libc = ctypes.CDLL(None, use_errno=True)

    def read(self, offset, length):
        view = memoryview(self.aligned)[:length]
        if os.preadv(self.fd, [view], offset) != length:
            raise OSError(5, "short read")
        return bytes(view)

    def write(self, offset, data):
        view = memoryview(self.aligned)[:len(data)]
        view[:] = data
        if os.pwritev(self.fd, [view], offset) != len(data):
            raise OSError(5, "short write")

    def write_durably(self, offset, data):
        self.write(offset, data)
        self.flush()

    def zero(self, offset, length):
        keep_size, zero_range = 1, 0x10
        if self.libc.fallocate(self.fd, zero_range | keep_size, ctypes.c_int64(offset),
                               ctypes.c_int64(length)):
            if ctypes.get_errno() != 95:
                raise OSError(ctypes.get_errno(), "fallocate")
            self.write(offset, bytes(length))

    def flush(self):
        os.fdatasync(self.fd)


def open_disk(where):
    return Nbd(where) if where.startswith(("nbd:", "nbd+", "nbds")) else File(where)


class Worker:
    def __init__(self, options, first, last, seed, figures):
        self.disk = open_disk(options.where)
        self.options = options
        self.first, self.last = first, last
        self.random = random.Random(seed)
        self.versions = {}  # units that were written
        self.count = 0
        self.complaints = []
        self.gaps = []
        self.operations = 0
        self.longest = 0.0
        self.figures = figures

    def timed(self, call, *arguments):
        started = time.monotonic()
        self.figures[WAITING_SINCE] = started
        try:
            return call(*arguments)
        finally:
            ended = time.monotonic()
            self.operations += 1
            self.figures[OPERATIONS] = self.operations
            self.figures[WAITING_SINCE] = 0
            self.longest = max(self.longest, ended - started)
            if ended - started > GAP_SECONDS:
                self.gaps.append((started, ended))

    def complain(self, text):
        if len(self.complaints) < 10:
            self.complaints.append(f"{time.monotonic():.2f} {text}")
            self.figures[COMPLAINTS] = len(self.complaints)

    def some_units(self):
        unit = self.random.randrange(self.first, self.last)
        return unit, min(self.random.choice((1, 1, 2, 4, 8, MAX_UNITS)), self.last - unit)

    def write(self):
        unit, count = self.some_units()
        self.count += 1
        data = b"".join(contents(unit + i, self.count, self.options.run) for i in range(count))
        call = self.disk.write_durably if self.random.random() < 0.1 else self.disk.write
        self.timed(call, unit * UNIT, data)
        for i in range(count):
            self.versions[unit + i] = self.count

    def zero(self):
        unit, count = self.some_units()
        self.timed(self.disk.zero, unit * UNIT, count * UNIT)
        for i in range(count):
            self.versions[unit + i] = 0

    def verify(self, unit, count):
        data = self.timed(self.disk.read, unit * UNIT, count * UNIT)
        for i in range(count):
            version = self.versions.get(unit + i)
            piece = data[i * UNIT:(i + 1) * UNIT]
            if version is not None and piece != contents(unit + i, version, self.options.run):
                self.complain(f"WRONG DATA: unit {unit + i} should be version {version}, "
                              f"is {describe(piece)}")

    def reread(self):
        """Somebody's disk: nothing is written, each reading has to be the same."""
        unit, count = self.some_units()
        data = self.timed(self.disk.read, unit * UNIT, count * UNIT)
        for i in range(count):
            piece = hash(data[i * UNIT:(i + 1) * UNIT])
            if self.versions.setdefault(unit + i, piece) != piece:
                self.complain(f"WRONG DATA: unit {unit + i} is not what it was")

    def one(self):
        if self.options.read_only:
            self.reread()
        else:
            self.write_or_verify()
        if self.options.pause:
            time.sleep(self.options.pause)

    def write_or_verify(self):
        dice = self.random.random()
        if dice < 0.55:
            self.write()
        elif dice < 0.88:
            self.verify(*self.some_units())
        elif dice < 0.94 and self.disk.can_zero:
            self.zero()
        else:
            self.timed(self.disk.flush)

    def run(self, until):
        try:
            while time.monotonic() < until and not os.path.exists(self.options.stop or "/-"):
                self.one()
            if not self.options.read_only:
                self.timed(self.disk.flush)
                for unit in sorted(self.versions):
                    self.verify(unit, 1)
        except Exception as e:  # nbd.Error is not known here for files
            self.complain(f"I/O ERROR: {e}")
        return {"operations": self.operations, "longest_s": round(self.longest, 3),
                "gaps": self.gaps, "complaints": self.complaints, "versions": self.versions}


def show_live(path, figures):
    """Keeps path at one line: operations, complaints, longest wait that still goes on (s)."""
    while True:
        now = time.monotonic()
        waiting = max((now - since for since in figures[WAITING_SINCE::FIGURES] if since),
                      default=0)
        with open(path + ".new", "w", encoding="utf-8") as out:
            print(int(sum(figures[OPERATIONS::FIGURES])), int(sum(figures[COMPLAINTS::FIGURES])),
                  f"{waiting:.1f}", file=out)
        os.rename(path + ".new", path)
        time.sleep(0.2)


def forked(worker_of, index):
    """Runs worker_of(index).run() in a child; returns (pid, read end of its result)."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, os.fdopen(ours)
    status = 1
    try:
        with os.fdopen(theirs, "w") as out:
            json.dump(worker_of(index), out)
        status = 0
    finally:
        os._exit(status)


def run(options):
    options.run = int.from_bytes(os.urandom(6), "little")
    disk = open_disk(options.where)
    start = options.offset // UNIT
    units = (options.length or disk.size - options.offset) // UNIT
    each = units // options.workers
    until = time.monotonic() + options.seconds
    figures = memoryview(mmap.mmap(-1, 8 * FIGURES * options.workers)).cast("d")

    def worker_of(index):
        first = start + index * each
        mine = figures[index * FIGURES:(index + 1) * FIGURES]
        return Worker(options, first, first + each, options.seed * 1000 + index, mine).run(until)

    children = [forked(worker_of, i) for i in range(options.workers)]
    if options.live:
        threading.Thread(target=show_live, args=(options.live, figures), daemon=True).start()
    results = []
    for pid, out in children:
        text = out.read()
        os.waitpid(pid, 0)
        results.append(json.loads(text) if text else
                       {"operations": 0, "longest_s": 0, "gaps": [], "versions": {},
                        "complaints": ["a worker died"]})
    complaints = [line for r in results for line in r["complaints"]]
    print("\n".join(complaints), flush=True)
    report = {"operations": sum(r["operations"] for r in results), "errors": len(complaints),
              "units_written": sum(len(r["versions"]) for r in results),
              "longest_s": max(r["longest_s"] for r in results),
              "gaps": sorted(gap for r in results for gap in r["gaps"])}
    if options.model:
        save_model(options, results)
    if options.report:
        with open(options.report + ".new", "w", encoding="utf-8") as out:
            json.dump(report, out)
        os.rename(options.report + ".new", options.report)
    else:
        print(json.dumps(report))
    return 1 if complaints or not report["operations"] else 0


def save_model(options, results):
    flat = array.array("Q", [options.run])
    for r in results:
        for unit, version in r["versions"].items():
            flat.extend((int(unit), version))
    with open(options.model, "wb") as out:
        flat.tofile(out)


def check(options):
    flat = array.array("Q")
    with open(options.model, "rb") as model:
        flat.frombytes(model.read())
    disk = open_disk(options.where)
    wrong = 0
    for at in range(1, len(flat), 2):
        unit, version = flat[at], flat[at + 1]
        data = disk.read(unit * UNIT, UNIT)
        if data != contents(unit, version, flat[0]):
            wrong += 1
            if wrong <= 10:
                print(f"WRONG DATA: unit {unit} should be version {version}, is {describe(data)}")
    print(f"{len(flat) // 2} units compared, {wrong} wrong")
    return 1 if wrong or len(flat) < 3 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "check"))
    parser.add_argument("where")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--stop", metavar="FILE", help="end when this file exists")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--offset", type=int, default=0, help="bytes")
    parser.add_argument("--length", type=int, default=0, help="bytes; 0: all")
    parser.add_argument("--pause", type=float, default=0, help="seconds between operations")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--live", metavar="FILE", help="figures of now, renewed all the time")
    parser.add_argument("--read-only", action="store_true", help="compare with a first reading")
    parser.add_argument("--report", metavar="FILE")
    parser.add_argument("--model", metavar="FILE")
    options = parser.parse_args()
    return run(options) if options.what == "run" else check(options)


if __name__ == "__main__":
    sys.exit(main())
