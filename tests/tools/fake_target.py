#!/usr/bin/python3
"""A small iSCSI target with one LUN in RAM that does on command what no stock target does.

    fake_target.py --control SOCKET [--listen 127.0.0.1:0] [--name IQN] [--size 64M] ...

prints "listening HOST:PORT". Faults come from --fault (again and again) or while it runs
(control.py SOCKET fault ...), in words NAME[:COUNT][@OP][=VALUE]:

    COUNT   how many times (default: for ever)
    OP      only for read, write, sync, unmap, same, inquiry, capacity, mode, tur, luns, lba, nop, tmf
            (default: any of read, write, sync, unmap, same, tur, capacity)

  login     close-in-login, chap-skip, chap-wrong-mutual, no-header-digest, login-status=0x0301
  answers   response (iSCSI response 01h, not carried out), no-sense, sense=KEY/ASC/ASCQ (hex),
            deferred-error, busy, task-set-full, task-aborted, reservation-conflict,
            short-residual, short-silent (half of the data, with and without the flag)
  silence   silent (not carried out), silent-after (carried out), delay=MILLISECONDS
  the end   close (not carried out), close-after (carried out), async-logout
  writes    r2t-offset, r2t-huge, r2t-unknown: nonsense in the R2T
  tasks     tmf-response=N

Further commands: clear [NAME], cut, crash (loses what was not synchronised, cuts, next sessions
see a power on), ua KEY/ASC/ASCQ (for all sessions), serial TEXT, resize BYTES, ping,
ask-logout, peek OFFSET BYTES (hex), sha256 [stable], stats, refuse, accept.
"""

import argparse
import collections
import hashlib
import socket
import sys
import threading
import time

import control
import fake_lun
import fake_session

OPS = {0x28: "read", 0x88: "read", 0x2a: "write", 0x8a: "write", 0x35: "sync", 0x91: "sync",
       0x42: "unmap", 0x41: "same", 0x93: "same", 0x12: "inquiry", 0x25: "capacity",
       0x9e: "capacity", 0x1a: "mode", 0x5a: "mode", 0x00: "tur", 0xa0: "luns"}
DEFAULT_OPS = ("read", "write", "sync", "unmap", "same", "tur", "capacity")
FAULTS = """close-in-login chap-skip chap-wrong-mutual no-header-digest login-status response
no-sense sense deferred-error busy task-set-full task-aborted reservation-conflict short-residual
short-silent silent silent-after delay close close-after async-logout r2t-offset r2t-huge
r2t-unknown tmf-response""".split()


class Fault:
    """One line of trouble: NAME[:COUNT][@OP][=VALUE]."""

    def __init__(self, text):
        text, _, self.value = text.partition("=")
        text, _, self.op = text.partition("@")
        self.name, _, count = text.partition(":")
        self.left = int(count) if count else None
        if self.name not in FAULTS:
            raise control.Refused(f"no such fault: {self.name}")

    def matches(self, name, op):
        if self.name != name or self.left == 0:
            return False
        return op is None or op == self.op or (not self.op and op in DEFAULT_OPS)


class Target:
    def __init__(self, options):
        self.name = options.name
        self.lun = fake_lun.Lun(options.size, options.block, options.serial,
                                not options.thick, options.lun)
        self.lun.write_cache = not options.write_through
        self.lun.read_only = options.read_only
        self.account = tuple(options.chap.split(":", 1)) if options.chap else None
        self.mutual = tuple(options.mutual.split(":", 1)) if options.mutual else None
        self.digest = not options.no_digest
        self.immediate = "No" if options.no_immediate else "Yes"
        self.first_burst = options.first_burst
        self.max_data = options.max_data
        self.ping_interval = options.ping
        self.verbose = options.verbose
        self.faults = [Fault(text) for text in options.fault]
        self.counts = collections.Counter()
        self.sessions = set()
        self.lock = threading.Lock()
        host, _, port = options.listen.rpartition(":")
        self.listen = (host.strip("[]"), int(port))
        self.listener = None

    def log(self, text):
        if self.verbose:
            print(f"{time.monotonic():.3f} {text}", file=sys.stderr, flush=True)

    def address_text(self):
        host, port = self.listen
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @staticmethod
    def op_name(cdb):
        if cdb[0] == 0x9e and cdb[1] & 0x1f == 0x12:
            return "lba"
        return OPS.get(cdb[0], "other")

    def fault(self, name, op=None):
        """True (or the fault's value) when it is to happen now."""
        with self.lock:
            for fault in self.faults:
                if fault.matches(name, op):
                    if fault.left is not None:
                        fault.left -= 1
                    self.counts["fault " + name] += 1
                    return fault.value or True
        return None

    def delay(self, op):
        value = self.fault("delay", op)
        if value:
            time.sleep(float(value) / 1000)

    # Connections.
    def open(self):
        family = socket.AF_INET6 if ":" in self.listen[0] else socket.AF_INET
        self.listener = socket.create_server(self.listen, family=family, backlog=64)
        self.listen = self.listener.getsockname()[:2]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.counts["connections"] += 1
            session = fake_session.Session(self, sock)
            with self.lock:
                self.sessions.add(session)
            session.start()

    def logged_in(self, session):
        """Counts it, and reinstates: a session with the same ISID ends (RFC 7143 6.3.5)."""
        self.counts["logins"] += 1
        with self.lock:
            old = [s for s in self.sessions
                   if s is not session and s.logged_in and s.isid == session.isid]
        for other in old:
            other.hang_up()

    def forget(self, session):
        with self.lock:
            self.sessions.discard(session)

    def live(self):
        with self.lock:
            return [s for s in self.sessions if s.logged_in]

    def cut(self):
        with self.lock:
            sessions = list(self.sessions)
        for session in sessions:
            session.hang_up()
        return len(sessions)

    def ping_all(self):
        for session in self.live():
            try:
                session.ping()
            except OSError:
                pass

    def ping_for_ever(self):
        while True:
            time.sleep(self.ping_interval)
            self.ping_all()

    # Commands.
    def command(self, words):
        verb = getattr(self, "do_" + words[0].replace("-", "_"), None) if words else None
        if verb is None:
            raise control.Refused(f"unknown command {words[:1]}")
        try:
            return str(verb(*words[1:]) or "")
        except TypeError as e:
            raise control.Refused(str(e)) from e

    def do_fault(self, *texts):
        faults = [Fault(text) for text in texts]
        with self.lock:
            self.faults += faults

    def do_clear(self, name=None):
        with self.lock:
            self.faults = [f for f in self.faults if name not in (None, f.name)]

    def do_cut(self):
        return self.cut()

    def do_crash(self):
        self.cut()
        return self.lun.lose_cache()

    def do_ua(self, text):
        for session in self.live():
            session.unit_attentions.append(tuple(int(part, 16) for part in text.split("/")))

    def do_serial(self, text):
        self.lun.serial = text

    def do_resize(self, size):
        self.lun.resize(int(size))

    def do_ping(self):
        self.ping_all()

    def do_ask_logout(self):
        for session in self.live():
            session.ask_for_logout()

    def do_peek(self, offset, length):
        return self.lun.data[int(offset):int(offset) + int(length)].hex()

    def do_sha256(self, what="now"):
        with self.lun.lock:
            data = bytearray(self.lun.data)
            if what == "stable":
                for lba, old in self.lun.undo.items():
                    data[lba * self.lun.block:(lba + 1) * self.lun.block] = old
        return hashlib.sha256(data).hexdigest()

    def do_stats(self):
        for opcode, count in self.lun.counts.items():
            self.counts[f"op {opcode:#04x} {OPS.get(opcode, 'other')}"] = count
        self.counts["live"] = len(self.live())
        self.counts["unsynced"] = len(self.lun.undo)
        return ", ".join(f"{key}={value}" for key, value in sorted(self.counts.items()))

    def do_refuse(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def do_accept(self):
        self.open()


def size(text):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    add("--control", required=True, metavar="SOCKET")
    add("--name", default="iqn.2026-11.test.holdfast:fake", metavar="IQN")
    add("--lun", type=int, default=1, help="the LUN's number (0 to 16383)")
    add("--size", type=size, default="64M")
    add("--block", type=int, default=512)
    add("--serial", default="FAKE0001")
    add("--thick", action="store_true", help="no UNMAP, no GET LBA STATUS")
    add("--write-through", action="store_true", help="WCE=0")
    add("--read-only", action="store_true")
    add("--chap", metavar="USER:SECRET")
    add("--mutual", metavar="USER:SECRET", help="how the target proves itself")
    add("--no-digest", action="store_true")
    add("--no-immediate", action="store_true")
    add("--first-burst", type=size, default="64K")
    add("--max-data", type=size, default="256K", help="MaxRecvDataSegmentLength")
    add("--ping", type=float, metavar="SECONDS", help="NOP-In again and again")
    add("--fault", action="append", default=[], metavar="NAME[:COUNT][@OP][=VALUE]")
    add("--verbose", action="store_true")
    return parser.parse_args()


def main():
    chosen = options()
    target = Target(chosen)
    control.serve(chosen.control, target.command)
    target.open()
    if target.ping_interval:
        threading.Thread(target=target.ping_for_ever, daemon=True).start()
    print(f"listening {target.address_text()}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
