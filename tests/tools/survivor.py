#!/usr/bin/python3
"""A client that outlives the daemon: kills it at random moments and knows what it owes.

    survivor.py --nbd URI --kills N [options] -- COMMAND...

Starts COMMAND, which serves the URI, with several requests in flight to it; kills it with SIGKILL;
starts it again, connects again, sends the unanswered requests again (as a kernel does) or gives
them up. After each start the whole range is read, beside new writes. At the end, with --image, the
daemon is ended with SIGTERM and what the range has to hold is put into a file, to be compared with the
disk.

What a read may return is kept for each unit of bytes, as the set of writes that it may show: a
write joins when it is submitted; when it is answered, all that ended before it was submitted leave;
once a read has shown one, all others that had ended before that read leave. A write that is given
up ends with the daemon: it may have happened, but not later. A TRIM may show anything.

Exit status: 0, or 1 for wrong data, an error, or a daemon that ended otherwise than it was told.
"""

import argparse
import json
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time

import nbd

MAGIC = 0x7375727669766f72
NEVER = float("inf")
SWEEP_BYTES = 65536
SWEEP_BYTES_KILL_ON = 4096  # what is not in the journal may wait, the rest must not
BLOCK = 512
SIZES = (1, 1, 2, 8, 8, 8, 8, 16, 64, 256)  # blocks
ENOTCONN = 107
START_SECONDS = 30
CONNECT_SECONDS = 3
END_SECONDS = 90


class Write:
    """From its submission to its end, in ticks of the client."""
    __slots__ = ("number", "submit", "end")
    zeros = False
    anything = False

    def __init__(self, number, submit):
        self.number, self.submit, self.end = number, submit, NEVER

    def contents(self, unit, bytes_, seed):
        return struct.pack("<QQQQ", MAGIC, unit, self.number, seed) * (bytes_ // 32)


class Zero(Write):
    __slots__ = ()
    zeros = True

    def contents(self, unit, bytes_, seed):
        return bytes(bytes_)


class Trim(Write):
    __slots__ = ()
    anything = True


class Oracle:
    """What each unit may hold. Sets are tuples that are replaced: a slice is a snapshot."""

    def __init__(self, units, unit_bytes, seed):
        self.unit_bytes, self.seed = unit_bytes, seed
        self.tick = 0
        nothing = Zero(0, 0)
        nothing.end = 0
        self.may = [(nothing,)] * units

    def now(self):
        self.tick += 1
        return self.tick

    def submitted(self, write, first, count):
        write.submit = self.now()
        for unit in range(first, first + count):
            self.may[unit] += (write,)

    def answered(self, write, first, count):
        write.end = self.now()
        for unit in range(first, first + count):
            self.may[unit] = tuple(w for w in self.may[unit] if w.end >= write.submit)

    def given_up(self, write):
        write.end = self.now()

    def snapshot(self, first, count):
        return self.now(), self.may[first:first + count]

    def shown(self, since, snapshot, first, data):
        """Judges what a read returned; what is wrong with it, or None."""
        size = self.unit_bytes
        for i, old in enumerate(snapshot):
            unit, piece = first + i, data[i * size:(i + 1) * size]
            may = self.may[unit]
            candidates = old + tuple(w for w in may if w.submit > since) if may is not old else old
            if any(w.anything for w in candidates):
                continue
            seen = [w for w in candidates if w.contents(unit, size, self.seed) == piece]
            if not seen:
                return self.verdict(unit, piece, candidates)
            if len(may) > 1:
                self.may[unit] = tuple(w for w in may if w in seen or w.end >= since)
        return None

    def verdict(self, unit, piece, candidates):
        magic, of_unit, number, seed = struct.unpack_from("<QQQQ", piece)
        if not any(piece):
            found = "zeros"
        elif magic != MAGIC:
            found = f"foreign bytes {piece[:16].hex()}"
        else:
            found = f"write {number} of unit {of_unit}" + (" (torn)" if piece[:32] * (
                len(piece) // 32) != piece else "") + (" of another run" if seed != self.seed
                                                       else "")
        allowed = ", ".join("zeros" if w.zeros else str(w.number) for w in candidates)
        return f"WRONG DATA: unit {unit} (byte {unit * self.unit_bytes} of the range) may be {allowed}; is {found}"

    def unknown(self):
        """Where the contents are not known exactly: [first, count] ..."""
        runs = []
        for unit, may in enumerate(self.may):
            if len(may) == 1 and not may[0].anything:
                continue
            if runs and sum(runs[-1]) == unit and runs[-1][1] < 256:
                runs[-1][1] += 1
            else:
                runs.append([unit, 1])
        return runs

    def image(self):
        return b"".join(may[0].contents(unit, self.unit_bytes, self.seed)
                        for unit, may in enumerate(self.may))


class Request:
    """One NBD request, until it was answered, on whatever connection."""

    def __init__(self, kind, first=0, count=0, write=None, fua=False):
        self.kind, self.first, self.count, self.write, self.fua = kind, first, count, write, fua
        self.buffer = self.snapshot = None
        self.since = 0
        self.started = time.monotonic()


class Client:
    def __init__(self, options, oracle):
        self.options, self.oracle = options, oracle
        self.random = random.Random(options.seed)
        self.in_flight = set()
        self.again = []  # requests to be sent once more
        self.sweep = []  # of the last start: what is still to be read
        self.numbers = 0
        self.complaints = []
        self.handle = None
        self.figures = {"answered": 0, "sent_again": 0, "sweeps": 0, "sweep_reads": 0,
                        "killed": 0, "killed_with_writes": 0, "longest_s": 0.0}
        self.sweep_units = (SWEEP_BYTES_KILL_ON if options.kill_on else SWEEP_BYTES) // options.unit
        self.sweep_first = False  # or first what was not answered, as a kernel does

    def complain(self, text):
        if len(self.complaints) < 10:
            print(f"{time.monotonic():.2f} {text}", flush=True)
        self.complaints.append(text)

    # --- requests

    def place(self):
        per_block = BLOCK // self.options.unit
        blocks = len(self.oracle.may) // per_block
        block = self.random.randrange(blocks)
        count = min(self.random.choice(SIZES), blocks - block)
        if self.random.random() < 0.7:  # as file systems do, and some others
            block -= block % 8
        first, count = block * per_block, count * per_block
        if self.random.random() < self.options.odd and count > 2:
            first, count = first + 1, count - 2
        return first, count

    def waiting(self, *kinds):
        return sum(1 for request in self.in_flight if request.kind in kinds)

    def next_request(self):
        if self.again and not (self.sweep_first and self.sweep):
            return self.again.pop()
        reads_wait = self.waiting("read", "sweep")
        if self.sweep and (self.sweep_first or reads_wait < self.options.depth // 2):
            first = self.sweep.pop()
            count = min(self.sweep_units, len(self.oracle.may) - first)
            return Request("sweep", first, count)
        dice = self.random.random()
        first, count = self.place()
        if dice < 0.08 and self.waiting("flush") < 2:
            return Request("flush")
        if dice > 1 - self.options.reads and reads_wait < self.options.depth // 2:
            return Request("read", first, count)
        self.numbers += 1
        kind, of = (("zero", Zero) if dice < 0.14 and self.handle.can_zero() else
                    ("trim", Trim) if dice < 0.17 and self.handle.can_trim() else
                    ("write", Write))
        return Request(kind, first, count, of(self.numbers, 0), self.random.random() < 0.1)

    def data_of(self, request):
        unit_bytes = self.oracle.unit_bytes
        return b"".join(request.write.contents(unit, unit_bytes, self.oracle.seed)
                        for unit in range(request.first, request.first + request.count))

    def send(self, request):
        handle, unit = self.handle, self.options.unit
        offset = self.options.offset + request.first * unit
        length = request.count * unit
        flags = nbd.CMD_FLAG_FUA if request.fua else 0
        if request.write and not request.write.submit:
            self.oracle.submitted(request.write, request.first, request.count)
        if request.kind in ("read", "sweep"):
            request.since, request.snapshot = self.oracle.snapshot(request.first, request.count)
            request.buffer = nbd.Buffer(length)
        elif request.kind == "write":
            request.buffer = nbd.Buffer.from_bytearray(bytearray(self.data_of(request)))
        self.in_flight.add(request)
        done = lambda error: self.done(request, error.value)
        if request.kind == "write":
            handle.aio_pwrite(request.buffer, offset, completion=done, flags=flags)
        elif request.kind == "zero":
            handle.aio_zero(length, offset, completion=done, flags=flags)
        elif request.kind == "trim":
            handle.aio_trim(length, offset, completion=done, flags=flags)
        elif request.kind == "flush":
            handle.aio_flush(completion=done)
        else:
            handle.aio_pread(request.buffer, offset, completion=done)

    def done(self, request, error):
        try:
            if error == ENOTCONN:  # stays in flight: lost() looks after it
                return 1
            self.in_flight.discard(request)
            self.figures["answered"] += 1
            self.figures["longest_s"] = max(self.figures["longest_s"],
                                            time.monotonic() - request.started)
            if error:
                self.complain(f"I/O ERROR: {request.kind} of {request.count} units at "
                              f"{request.first}: {os.strerror(error)}")
            elif request.write:
                self.oracle.answered(request.write, request.first, request.count)
            elif request.buffer:
                self.judge(request)
        except Exception as e:  # libnbd would swallow it
            self.complain(f"the test itself: {e!r}")
        return 1

    def judge(self, request):
        wrong = self.oracle.shown(request.since, request.snapshot, request.first,
                                  bytes(request.buffer.to_bytearray()))
        if wrong:
            self.complain(f"{wrong} (a {request.kind})")
        if request.kind == "sweep":
            self.figures["sweep_reads"] += 1
            if self.options.kill_on:
                print(f"read {self.figures['sweep_reads']}", flush=True)
            if not self.sweep and not self.waiting("sweep"):
                self.figures["sweeps"] += 1

    # --- connections

    def lost(self):
        """The connection is gone, with the daemon."""
        self.handle = None
        self.figures["killed"] += 1
        writes = [r for r in self.in_flight if r.write]
        if writes:
            self.figures["killed_with_writes"] += 1
        resend = self.random.random() < 0.5
        for request in sorted(self.in_flight, key=lambda r: r.write.number if r.write else 0):
            if request.write and (resend or self.options.resend):
                self.again.append(request)
                self.figures["sent_again"] += 1
            elif request.write:
                self.oracle.given_up(request.write)
        self.random.shuffle(self.again)
        self.in_flight.clear()
        self.sweep = list(range(0, len(self.oracle.may), self.sweep_units))
        self.random.shuffle(self.sweep)
        self.sweep_first = self.random.random() < 0.25 or bool(self.options.kill_on)

    def connect(self):
        handle = nbd.NBD()
        try:
            handle.connect_uri(self.options.nbd)
        except nbd.Error:
            return False
        self.handle = handle
        if not handle.can_trim():
            self.give_up_trims()
        return True

    def give_up_trims(self):
        """Until the LUN was seen, holdfast takes TRIMs that the LUN turns out not to know."""
        for request in [r for r in self.again if r.kind == "trim"]:
            self.again.remove(request)
            self.oracle.given_up(request.write)

    def is_connected(self):
        return self.handle and not self.handle.aio_is_closed() and not self.handle.aio_is_dead()

    def work(self, until, depth):
        """Until the connection is lost or until() says so."""
        try:
            while self.is_connected() and not until():
                while len(self.in_flight) < depth and (depth > 1 or self.again):
                    self.send(self.next_request())
                self.handle.poll(20)
                if self.options.pause:
                    time.sleep(self.options.pause)
        except nbd.Error:
            if self.is_connected():
                raise
        if not self.is_connected():
            self.lost()

    def daemon_is_gone(self):
        """The end of a process may be seen before the end of its connection."""
        if self.handle:
            self.lost()


class Daemon:
    def __init__(self, options):
        self.options = options
        self.process = None
        self.killer = None
        self.serves = threading.Event()

    def start(self, kill):
        """kill: called in a thread of its own, kills it; or None."""
        self.serves.clear()
        # It dies with us. (Not by preexec_fn, which may hang where there are threads.)
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--"] + self.options.command,
            stdin=subprocess.DEVNULL, stdout=self.options.log, stderr=self.options.log)
        self.killer = kill and threading.Thread(target=kill, args=(self,), daemon=True)
        if kill:
            self.killer.start()

    def is_gone(self):
        return self.process.poll() is not None

    def end(self, seconds):
        """Waits for the end; its status."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "none in time"
        if self.killer:
            self.killer.join()
        return status


def killer_of(options, dice):
    """Some die while they start, most at work."""
    while_it_starts = dice.random() < 0.2
    life = dice.uniform(0, 0.05 if while_it_starts else 2 * options.life)

    def kill(daemon):
        if options.kill_on:
            while not os.path.exists(options.kill_on) and not daemon.is_gone():
                time.sleep(0.01)
            os.unlink(options.kill_on)
        else:
            if not while_it_starts:
                daemon.serves.wait(CONNECT_SECONDS)
            time.sleep(life)
        daemon.process.kill()
    return kill


def connect_while_alive(client, daemon):
    deadline = time.monotonic() + START_SECONDS
    while not daemon.is_gone():
        if client.connect():
            daemon.serves.set()
            return True
        if time.monotonic() > deadline:
            client.complain("the daemon does not serve within 30 s")
            daemon.process.kill()
            return False
        time.sleep(0.002)
    return False


def kill_loop(options, client, daemon):
    dice = random.Random(options.seed + 1)
    for kill in range(1, options.kills + 1):
        daemon.start(killer_of(options, dice))
        while connect_while_alive(client, daemon):
            client.work(daemon.is_gone, options.depth)
        client.daemon_is_gone()
        status = daemon.end(START_SECONDS)
        if status != -signal.SIGKILL:
            client.complain(f"the daemon ended by itself: status {status}")
        if client.complaints:
            print(f"after {kill} kills", flush=True)
            return
        if kill % 20 == 0 or kill == options.kills:
            print(f"{kill} kills: {client.figures}", flush=True)


def all_answered(client, what):
    deadline = time.monotonic() + END_SECONDS
    client.work(lambda: not (client.in_flight or client.again) or client.complaints
                or time.monotonic() > deadline, 1)
    if client.in_flight and not client.complaints:
        client.complain(f"{what}: {len(client.in_flight)} requests are not answered")


def settle(options, client, daemon):
    """No more kills: everything is answered, known, read, and brought to the disk."""
    daemon.start(None)
    if options.calm:
        open(options.calm, "w", encoding="utf-8").close()
    if not connect_while_alive(client, daemon):
        client.complain("no connection at the end")
        return
    deadline = time.monotonic() + END_SECONDS
    depth = options.depth + (len(client.sweep) if options.kill_on else 0)
    client.work(lambda: not client.sweep and not client.waiting("sweep") or client.complaints
                or time.monotonic() > deadline, depth)
    all_answered(client, "after the last start")
    for first, count in client.oracle.unknown():
        client.numbers += 1
        client.again.append(Request("write", first, count, Write(client.numbers, 0)))
        all_answered(client, "in the end")
    client.again.append(Request("flush"))
    all_answered(client, "in the end")
    step = SWEEP_BYTES // options.unit
    for first in range(0, len(client.oracle.may), step):
        count = min(step, len(client.oracle.may) - first)
        client.again.append(Request("read", first, count))
        all_answered(client, "in the end")
    if not options.image or client.complaints:
        return
    client.handle.shutdown()
    daemon.process.terminate()
    status = daemon.end(END_SECONDS)
    if status != 0:
        client.complain(f"the daemon was to end: status {status}")
    with open(options.image, "ab+") as image:
        image.truncate(options.offset)
        image.write(client.oracle.image())


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nbd", required=True, metavar="URI")
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--life", type=float, default=0.12, help="mean seconds that it is served")
    parser.add_argument("--offset", type=int, default=0, help="bytes; from here on it owns")
    parser.add_argument("--kill-on", metavar="FILE", help="kill when this file exists, not by time")
    parser.add_argument("--length", type=int, default=1 << 20, help="... so many bytes, of zeros")
    parser.add_argument("--unit", type=int, default=BLOCK, help="bytes; less for --odd")
    parser.add_argument("--odd", type=float, default=0, help="share of parts of blocks")
    parser.add_argument("--reads", type=float, default=0.2, help="share of reads")
    parser.add_argument("--depth", type=int, default=12, help="requests in flight")
    parser.add_argument("--pause", type=float, default=0, help="seconds in each turn")
    parser.add_argument("--resend", action="store_true", help="always, not every second time")
    parser.add_argument("--calm", metavar="FILE", help="is made after the last kill")
    parser.add_argument("--image", metavar="FILE", help="what the range holds in the end")
    parser.add_argument("--log", type=lambda path: open(path, "ab"), default=None,
                        help="output of the daemon")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = int.from_bytes(os.urandom(3), "little")
    return options


def main():
    options = parse()
    print(f"seed {options.seed}", flush=True)
    oracle = Oracle(options.length // options.unit, options.unit, options.seed)
    client, daemon = Client(options, oracle), Daemon(options)
    kill_loop(options, client, daemon)
    if not client.complaints:
        settle(options, client, daemon)
    figures = dict(client.figures, kills=options.kills, seed=options.seed,
                   complaints=len(client.complaints))
    print(json.dumps(figures), flush=True)
    if daemon.process and not daemon.is_gone():
        daemon.process.kill()
    return 1 if client.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
