"""Who is compared, and how each is started on the LUN and reached.

A candidate has a name, a front end (nbd, fuse, raw), the address that the load takes, and the
process whose CPU time and memory are its own (none for the raw ones: there the load does it all).
"""

import json
import os
import socket
import subprocess

import cells
from world import MIB, Process, free_port, listens, run, wait_for


class Candidate:
    front = "nbd"
    unavailable = ""  # why it cannot run here
    hides_cpu_time = False  # in processes that are not known here

    def __init__(self, name, bench):
        self.name, self.bench, self.process = name, bench, None
        self.socket = bench.folder / "nbd.sock"
        self.file = bench.folder / "disk.img"

    def __str__(self):
        return f"{self.name} ({self.front})"

    def words(self):
        raise NotImplementedError

    def start(self):
        for path in (self.socket, self.file):
            path.unlink(missing_ok=True)
        if self.front == "fuse":
            self.file.touch()
        words = self.words()
        self.process = Process(self.bench.folder / f"{self.name}.log", *words)
        wait_for(str(self), self.is_open)

    def is_open(self):
        self.process.check()
        if self.front == "nbd":
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(str(self.socket)) == 0
        return os.path.ismount(self.file) or self.file.stat().st_size > 0

    def address(self):
        return f"nbd+unix:///{self.export()}?socket={self.socket}" if self.front == "nbd" \
            else str(self.file)

    def export(self):
        return ""

    def does(self, cell):
        """Has the cell a meaning for it?"""
        return True

    def load_options(self, _bytes):
        """Of the load, besides the cell's, with operations of so many bytes."""
        return []

    def settle(self):
        """Nothing that an earlier cell left is under way any more."""

    def stop(self):
        if self.process:
            self.process.end()
        if os.path.ismount(self.file):
            subprocess.run(["umount", "-l", str(self.file)], check=False)


class Raw(Candidate):
    """No process: the load is all there is."""

    front = "raw"

    def does(self, cell):
        return cell not in cells.APPLICATION_NAMES

    def start(self):
        pass

    def stop(self):
        pass


class Libiscsi(Raw):
    def address(self):
        return self.bench.target.url()


class LibiscsiThroughSocat(Libiscsi):
    """Through a process that passes bytes on and knows nothing of them: what it takes to have
    any process at all between a client and the target."""

    hides_cpu_time = True

    def start(self):
        self.port = free_port()
        self.relay = Process(self.bench.folder / "socat.log", "socat", "-b", "262144",
                             f"TCP-LISTEN:{self.port},bind=127.0.0.1,reuseaddr,nodelay,fork",
                             f"TCP:127.0.0.1:{self.bench.target.port},nodelay")
        wait_for(str(self), lambda: self.relay.check() and listens(self.port))

    def address(self):
        return self.bench.target.url(port=self.port)

    def does(self, cell):
        return cell in ("r4k-q1", "r4k-q32", "w4k-q1", "w4k-q32")

    def stop(self):
        self.relay.end()


class LibiscsiPolling(Libiscsi):
    """That never sleeps: what a round trip takes at the least, one operation at a time."""

    def load_options(self, _bytes):
        return ["--poll"]

    def does(self, cell):
        return cell in ("r4k-q1", "w4k-q1", "flush-q1")


class LibiscsiSyncing(Libiscsi):
    """With a SYNCHRONIZE CACHE for each quarter of the small ring, as must send who may forget what
    the target acknowledged only when it is stable."""

    def load_options(self, bytes_):
        return ["--flush-every", self.bench.small_ring_bytes // 4 // bytes_]

    def does(self, cell):
        return cell == "steady4k-q32"


class LunFile(Raw):
    """The target's own file, with neither iSCSI nor FUSE before it: what a file system on it could
    reach at the most."""

    def address(self):
        return self.bench.image

    def does(self, cell):
        return cell in cells.APPLICATION_NAMES


class JournalDevice(Raw):
    """A file where holdfast's journal is, written before, as the journal is."""

    def start(self):
        path, size = self.bench.ring_folder / "raw-journal", self.bench.ring_bytes
        if not path.exists() or path.stat().st_size != size:
            with open(path, "wb") as file:
                for _ in range(size // MIB):
                    file.write(bytes(MIB))
                file.flush()
                os.fsync(file.fileno())
        self.path = path

    def address(self):
        return str(self.path)

    def does(self, cell):
        """There is no LUN to be read, and no ring to be full: large reads are as of a drain."""
        return cell not in ("r4k-q1", "r4k-q32", "mix-q32") and \
            cell not in cells.STEADY_NAMES + cells.APPLICATION_NAMES


class NbdkitMemory(Candidate):
    def words(self):
        return "nbdkit", "-f", "-U", self.socket, "memory", self.bench.lun_bytes


class QemuNbd(Candidate):
    def words(self):
        return ("qemu-nbd", "-t", "-f", "raw", "--cache=none", "-k", self.socket,
                self.bench.target.url())


class QemuStorageDaemon(Candidate):
    def __init__(self, name, bench, front):
        super().__init__(name, bench)
        self.front = front

    def words(self):
        target = self.bench.target
        blockdev = (f"driver=iscsi,node-name=disk,transport=tcp,portal=127.0.0.1:{target.port},"
                    f"target={target.url().split('/')[3]},lun=1,cache.direct=on")
        if self.front == "nbd":
            way = ("--nbd-server", f"addr.type=unix,addr.path={self.socket}", "--export",
                   "type=nbd,id=export,node-name=disk,name=disk,writable=on")
        else:
            way = ("--export", f"type=fuse,id=export,node-name=disk,mountpoint={self.file},"
                   "writable=on")
        return "qemu-storage-daemon", "--blockdev", blockdev, *way

    def export(self):
        return "disk"


class QemuNull(Candidate):
    """qemu's FUSE server with nothing behind it, as nbdkit's memory is for NBD."""

    front = "fuse"

    def words(self):
        return ("qemu-storage-daemon", "--blockdev",
                f"driver=null-co,node-name=disk,size={self.bench.lun_bytes},read-zeroes=on",
                "--export", f"type=fuse,id=export,node-name=disk,mountpoint={self.file},"
                "writable=on")

    def does(self, cell):
        return cell not in cells.APPLICATION_NAMES  # it forgets a file system


class BareFuse(Candidate):
    """FUSE before libiscsi, and nothing else (bare_fuse.c): what having the two at all takes."""

    front = "fuse"

    def words(self):
        return self.bench.bare_fuse, self.bench.target.url(), self.file


class Holdfast(Candidate):
    """mode: none, memory, coalesce, ordered (the last two with a journal on disk)."""

    def __init__(self, mode, bench, front, ring_bytes=None):
        super().__init__(f"holdfast {mode}", bench)
        self.mode, self.front = mode, front
        self.ring_bytes = ring_bytes or bench.ring_bytes
        if mode == "memory":
            self.ring_bytes = min(self.ring_bytes, bench.memory_ring_bytes)
        self.ring = bench.ring_folder / f"ring-{mode}-{self.ring_bytes}"
        if mode != "none":
            self.unavailable = self.lack()

    def lack(self):
        """The program is asked what it can."""
        text = run(self.bench.holdfast, "serve", "--help")
        row = next((line for line in text.splitlines() if line.strip().startswith("journal=")), "")
        wanted = "memory" if self.mode == "memory" else "PATH"
        if wanted not in row:
            return "this build has no such journal"
        if self.mode == "ordered" and "destage=" not in text:
            return "this build has no destage=ordered"
        return ""

    def words(self):
        options = [f"name={self.tag()}", f"run_dir={self.run_dir()}"]
        if self.mode == "memory":
            options += ["journal=memory", f"journal_size={self.ring_bytes}"]
        elif self.mode != "none":
            options += [f"journal={self.ring}", f"journal_size={self.ring_bytes}",
                        f"destage={self.mode}"]
        way = ("--nbd", f"unix:{self.socket}") if self.front == "nbd" else ("--fuse", self.file)
        return (self.bench.holdfast, "serve", self.bench.target.url(), *way, "-o",
                ",".join(options))

    def tag(self):
        return "bench"

    def run_dir(self):
        return self.bench.folder / "run"

    def export(self):
        return self.tag()

    def is_open(self):
        return super().is_open() and (self.front == "nbd" or self.file.stat().st_size > 0)

    def verb(self, *words):
        return run(self.bench.holdfast, words[0], self.tag(), "-o", f"run_dir={self.run_dir()}",
                   *words[1:])

    def status(self):
        return json.loads(self.verb("status", "--json"))

    def is_ready(self):
        """The session to the target is there."""
        return self.status()["session"]["state"] == "ready"

    def settle(self):
        self.verb("flush" if self.mode == "none" else "drain", "--timeout", "10m")

    def stop(self):
        """With the journal brought to the LUN: the next candidate may not find it dirty."""
        try:
            if self.process and self.process.child.poll() is None and self.bench.target_is_up:
                self.settle()
        finally:
            super().stop()

    def forget_ring(self):
        self.ring.unlink(missing_ok=True)


def all_candidates(bench):
    found = [Libiscsi("libiscsi", bench), LibiscsiPolling("libiscsi polling", bench),
             LibiscsiSyncing("libiscsi syncing", bench),
             LibiscsiThroughSocat("libiscsi through socat", bench),
             JournalDevice("journal device", bench), LunFile("the LUN's file", bench),
             NbdkitMemory("nbdkit memory", bench), QemuNull("qemu-storage-daemon null", bench),
             BareFuse("bare server", bench),
             QemuNbd("qemu-nbd", bench)]
    found += [QemuStorageDaemon("qemu-storage-daemon", bench, front) for front in ("nbd", "fuse")]
    for mode in ("none", "memory", "coalesce", "ordered"):
        found += [Holdfast(mode, bench, front) for front in ("nbd", "fuse")]
    return found
