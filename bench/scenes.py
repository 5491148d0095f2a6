"""What is no plain load: applications on a file system, outages, dirty starts, rest."""

import os
import signal
import socket
import sqlite3
import time
from contextlib import contextmanager

import cells
from candidates import Holdfast, Libiscsi
from world import MIB, Target, forget_signals, run, wait_for


@contextmanager
def mounted(bench, candidate):
    """The file system on a loop device on the candidate's file: where it is mounted, and the loop
    device."""
    place = bench.folder / "mnt"
    place.mkdir(exist_ok=True)
    loop = run("losetup", "--direct-io=on", "-f", "--show", candidate.address()).strip()
    try:
        run("mount", loop, place)
        try:
            yield place, loop
        finally:
            run("umount", place)
    finally:
        run("losetup", "-d", loop)


def flushes_of(loop):
    """How many cache flushes the block device has finished (Documentation/block/stat.rst)."""
    with open(f"/sys/block/{os.path.basename(loop)}/stat", encoding="ascii") as file:
        return int(file.read().split()[15])


def commit_rows(place, seconds):
    """How many rows, each durable before the next, and the seconds that they took."""
    base = sqlite3.connect(place / "base.db", isolation_level=None)
    base.execute("PRAGMA synchronous = FULL")
    base.execute("CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, text TEXT)")
    count, begun = 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        base.execute("INSERT INTO rows (text) VALUES (?)", ("x" * 200,))
        count += 1
    took = time.monotonic() - begun
    base.close()
    return count, took


def unpack_files(place, seconds):
    """How many files, and the seconds: NAME.new is written and fsynced, then renamed; folders now
    and then."""
    count, begun = 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        folder = place / f"package{count // 50}"
        folder.mkdir(exist_ok=True)
        scratch = folder / f"file{count}.dpkg-new"
        with open(scratch, "wb") as file:
            file.write(os.urandom(1024 * (1 + count % 20)))
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(folder / f"file{count}")
        count += 1
    return count, time.monotonic() - begun


def work_on(bench, candidate, place, loop, work):
    before = flushes_of(loop)
    count, took = work(place, bench.seconds * 2)
    return {"iops": count / took, "flushes": (flushes_of(loop) - before) / count,
            **cells.memory_of(candidate)}


def run_applications(bench, candidate):
    """Yields (cell, figures) as a group of cells does.

    The file system is made on the target, for all alike: made through the FUSE export of
    qemu-storage-daemon 7.2 on a loop device it is broken (its zeroing overtakes writes).
    """
    run("mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0", bench.image)
    try:
        candidate.start()
        with mounted(bench, candidate) as (place, loop):
            for name, work in (("sqlite", commit_rows), ("dpkg", unpack_files)):
                yield name, work_on(bench, candidate, place, loop, work)
    finally:
        candidate.stop()


def spent_seconds(bench, candidate):
    """CPU time of the daemon and the target so far."""
    return (cells.nanoseconds_of(candidate) + cells.nanoseconds_of(bench.target)) / 1e9


def copy_to_lun(bench, size):
    """MB/s of qemu-img, which does nothing but read so much from the ring's disk and write it to
    the LUN, 16 pieces at a time; with its own start, as a drain is with that of its verb."""
    source = bench.ring_folder / "copied"
    if not source.exists() or source.stat().st_size != size:
        with open(source, "wb") as file:
            for _ in range(0, size, MIB):
                file.write(os.urandom(MIB))
            file.truncate(size)
            os.fsync(file.fileno())
    begun = time.monotonic()
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "-t", "none", "-T", "none",
        "-m", "16", "-W", source, bench.target.url(), timeout=bench.patience)
    return size / 1e6 / (time.monotonic() - begun)


def run_outage(bench, candidate):
    """Latency before and during an outage, then the way of what was kept to the LUN."""
    # Far from filling the ring (waiting for room is another scene), and where the runs supersede
    # it: what is drained is runs.
    count = candidate.ring_bytes // (512 * 1024)
    small = (f"--read 0 --depth 1 --count {min(2000, candidate.ring_bytes // (64 * 1024))} "
             f"--region {count * 128}K")
    sequential = "--read 0 --size 128K --depth 8 --pattern sequential"
    large = f"{sequential} --count {count}"
    try:
        candidate.start()
        candidate.settle()
        before = cells.load(bench, candidate, small)
        candidate.settle()
        bench.kill_target()
        during = cells.load(bench, candidate, small)
        kept = cells.load(bench, candidate, large)
        bench.start_target()
        back = time.monotonic()
        wait_for("the session", candidate.is_ready, 60)
        in_memory_mb = candidate.status()["volume"]["retained_bytes"] / 1e6
        begun, spent_before = time.monotonic(), spent_seconds(bench, candidate)
        candidate.settle()
        took = time.monotonic() - begun
        spent = spent_seconds(bench, candidate) - spent_before
        # The same target at the same moment: one that has just been started is slower.
        raw = cells.load(bench, Libiscsi("libiscsi", bench), sequential)
        kept_mb = kept["all_ops"] * 128 * 1024 / 1e6
        copied = copy_to_lun(bench, kept["all_ops"] * 128 * 1024)
        yield "outage", {"p99_us": during["p99_us"], "p99_before_us": before["p99_us"],
                         "p50_us": during["p50_us"], "p50_before_us": before["p50_us"],
                         "return_s": begun - back, "drain_s": took, "drain_mb": kept_mb,
                         "drain_ring_mb": max(0, kept_mb - in_memory_mb),
                         "drain_mb_s": kept_mb / took, "drain_cpu_s": spent,
                         "raw_mb_s": raw["mb_s"], "copy_mb_s": copied}
    finally:
        bench.start_target()
        candidate.stop()


def run_dirty_start(bench, candidate):
    """Killed with a ring full of what the LUN has not, and started while the target is away."""
    try:
        candidate.start()
        candidate.settle()
        bench.kill_target()
        count = candidate.ring_bytes * 6 // 10 // (64 * 1024)
        cells.load(bench, candidate,
                   f"--read 0 --size 64K --depth 8 --pattern sequential --count {count}")
        candidate.process.end(signal.SIGKILL)
        begun = time.monotonic()
        candidate.start()
        run(bench.load, candidate.address(), "--read", "100", "--count", "1", "--region", "1M",
            timeout=bench.patience)
        yield "start", {"seconds": time.monotonic() - begun, "dirty_mib": count / 16}
    finally:
        bench.start_target()
        candidate.stop()


class Idler(Holdfast):
    """One of many, on a LUN of its own."""

    def __init__(self, bench, target, number):
        super().__init__("none", bench, "nbd")
        self.target, self.number = target, number
        self.socket = bench.folder / f"idle{number}.sock"

    def words(self):
        return (self.bench.holdfast, "serve", self.target.url(self.number), "--nbd",
                f"unix:{self.socket}", "-o", f"name=idle{self.number},run_dir={self.run_dir()}")

    def tag(self):
        return f"idle{self.number}"

    def run_dir(self):
        return self.bench.folder / f"run{self.number}"


def run_idle(bench, count, seconds):
    """Ten daemons with nothing to do: their CPU time together, and the memory of each."""
    images = []
    for number in range(1, count + 1):
        image = bench.folder / f"idle{number}.img"
        image.touch()
        os.truncate(image, 16 * MIB)
        images.append(image)
    folder = bench.folder / "idle"
    folder.mkdir(exist_ok=True)
    target = Target(folder, images)
    idlers = [Idler(bench, target, number) for number in range(1, count + 1)]
    try:
        target.start()
        for idler in idlers:
            idler.start()
        time.sleep(2)  # the logins are over
        before = sum(idler.process.nanoseconds() for idler in idlers)
        time.sleep(seconds)
        cpu = sum(idler.process.nanoseconds() for idler in idlers) - before
        memory = max(idler.process.peak_mib() for idler in idlers)
        return {"cpu_percent": cpu / 1e7 / seconds, "peak_mib": memory, "count": count}
    finally:
        for idler in idlers:
            if idler.process:
                idler.process.end()
        target.kill()


def loopback_us(rounds=2000):
    """Round trip of a byte on loopback TCP between two processes: the floor under all figures."""
    server = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        forget_signals()
        peer = server.accept()[0]
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := peer.recv(1):
            peer.send(data)
        os._exit(0)
    client = socket.create_connection(server.getsockname())
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        client.send(b"x")
        client.recv(1)
        times.append(time.perf_counter() - begun)
    client.close()
    os.waitpid(child, 0)
    return sorted(times)[rounds // 2] * 1e6
