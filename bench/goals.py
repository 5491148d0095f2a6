"""The goals of JOURNAL.md 4.3 (P1 to P13) and of the issue (X1 to X4), judged by a run.

A goal is a list of conditions: what is compared, a ratio (or a figure), its limit, and what is known
to bound it (bounds.py). J is the raw journal device, L libiscsi raw, Q the best of the qemu peers by
NBD, H holdfast.
"""

from dataclasses import dataclass

import bounds
import cells
from figures import ratio

QEMU = (("qemu-nbd", "nbd"), ("qemu-storage-daemon", "nbd"))


@dataclass
class Condition:
    words: str
    value: float | None  # None: not measured
    limit: float
    at_least: bool
    bound: tuple[str, float | None] | None = None  # what it is, and the best that the value can be
    beside: tuple[str, float | None] | None = None  # what shows no bound, and yet tells something

    def would_be_met(self, value):
        return value >= self.limit if self.at_least else value <= self.limit

    def is_missed(self):
        return self.value is not None and not self.would_be_met(self.value)

    def text(self):
        sign = "≥" if self.at_least else "≤"
        value = "not measured" if self.value is None else f"{self.value:.2f}"
        return f"{self.words} {value} (goal {sign} {self.limit:g})"

    def bound_text(self):
        words, value = self.beside or (None, None)
        return self.bound_words() + (f"; {words}: {value:.2f}" if value is not None else "")

    def bound_words(self):
        if self.bound is None:
            return "no bound is known"
        words, value = self.bound
        if value is None:
            return f"{words}: not measured"
        verdict = "within reach by this" if self.would_be_met(value) else "out of reach by this"
        if self.is_ahead_of(value):
            verdict = f"holdfast is ahead of that; {verdict}"
        return f"{words}: {value:.2f}: {verdict}"

    def is_ahead_of(self, value):
        return self.value > value if self.at_least else self.value < value


class World:
    """The medians of one regime on one backing."""

    def __init__(self, figures, regime, backing):
        self.figures, self.regime, self.backing = figures, regime, backing

    def on(self, backing):
        return World(self.figures, self.regime, backing)

    def get(self, candidate, cell, key, front="nbd"):
        return self.figures.median(self.regime, self.backing, candidate, front, cell, key)

    def hold(self, mode, cell, key, front="nbd"):
        return self.get(f"holdfast {mode}", cell, key, front)

    def raw(self, cell, key):
        return self.get("libiscsi", cell, key, "raw")

    def journal(self, cell, key):
        return self.get("journal device", cell, key, "raw")

    def peer(self, cell, key):
        """The best of the peers: the highest rate, the lowest latency or CPU time."""
        found = [self.get(name, cell, key, front) for name, front in QEMU]
        found = [value for value in found if value is not None]
        if not found:
            return None
        return max(found) if key in ("iops", "mb_s") else min(found)

    def at_least_ours(self, cell, rate):
        """What holdfast reached by FUSE is no more than can be reached."""
        return rate and max(rate, self.hold("none", cell, "iops", "fuse") or 0)

    def ahead_of_qemus_fuse(self, cell):
        return ratio(self.hold("none", cell, "iops", "fuse"),
                     self.get("qemu-storage-daemon", cell, "iops", "fuse"))


def most(words, value, limit, bound=None):
    return Condition(words, value, limit, False, bound)


def least(words, value, limit, bound=None, beside=None):
    return Condition(words, value, limit, True, bound, beside)


def latency_goals(w, disk):
    flush, fua = w.hold("coalesce", "flush-q1", "p50_us"), w.hold("coalesce", "fua-q1", "p50_us")
    slower = max(flush, fua) if flush is not None and fua is not None else None
    yield "P1", "persistent: 4 KiB FUA and write + FLUSH, QD1, p50", [
        most("/ J with RWF_DSYNC", ratio(slower, w.journal("fua-q1", "p50_us")), 1.35,
             bounds.durable_against_journal(w)),
        most("/ Q write + FLUSH, LUN on disk",
             ratio(disk.hold("coalesce", "flush-q1", "p50_us"), disk.peer("flush-q1", "p50_us")),
             0.65, bounds.durable_against_peer(disk))]
    write = w.hold("coalesce", "w4k-q1", "p50_us")
    yield "P2", "persistent: 4 KiB write, QD1, p50", [
        most("/ J", ratio(write, w.journal("w4k-q1", "p50_us")), 1.6,
             bounds.write_against_journal(w)),
        most("/ Q", ratio(write, w.peer("w4k-q1", "p50_us")), 0.8)]


def rate_goals(w, disk):
    burst = w.hold("coalesce", "burst4k-q32", "iops")
    yield "P3", "persistent: 4 KiB random write, QD32, inside the ring", [
        least("/ Q", ratio(burst, w.peer("burst4k-q32", "iops")), 1.7),
        least("/ L", ratio(burst, w.raw("burst4k-q32", "iops")), 1.2)]
    yield "P4", "persistent: 4 KiB write + FLUSH, QD32, LUN on disk", [
        least("/ Q", ratio(disk.hold("coalesce", "flush-q32", "iops"),
                           disk.peer("flush-q32", "iops")), 2)]
    memory = w.hold("memory", "burst4k-q32", "iops")
    yield "P5", "memory: 4 KiB random write, QD32, inside the ring", [
        least("/ Q", ratio(memory, w.peer("burst4k-q32", "iops")), 2.5),
        least("/ nbdkit memory", ratio(memory, w.get("nbdkit memory", "burst4k-q32", "iops")), 0.5)]
    yield "P6", "persistent: 128 KiB sequential write, QD8, inside the ring", [
        least("/ Q", ratio(w.hold("coalesce", "burst128k-q8", "mb_s"),
                           w.peer("burst128k-q8", "mb_s")), 1.6)]
    steady = w.hold("coalesce", "steady4k-q32", "iops")
    yield "P7", "persistent: 4 KiB random write, QD32, the ring full", [
        least("/ Q", ratio(steady, w.peer("steady4k-q32", "iops")), 0.9),
        least("/ L", ratio(steady, w.raw("steady4k-q32", "iops")), 0.65,
              bounds.by_synced_writes(w))]
    yield "P8", "persistent: 128 KiB sequential write, QD8, the ring full", [
        least("/ Q", ratio(w.hold("coalesce", "steady128k-q8", "mb_s"),
                           w.peer("steady128k-q8", "mb_s")), 0.9, bounds.written_twice(w))]


def worst(values, choose):
    values = [value for value in values if value is not None]
    return choose(values) if values else None


def read_goals(w, _):
    q1 = worst([w.hold(mode, "r4k-q1", "p50_us") for mode in ("none", "coalesce")], max)
    q32 = worst([w.hold(mode, "r4k-q32", "iops") for mode in ("none", "coalesce")], min)
    yield "P9", "read of what is not kept, none and persistent, the worse", [
        most("QD1 p50 / Q", ratio(q1, w.peer("r4k-q1", "p50_us")), 1.0,
             bounds.target_and_back(w, "r4k-q1")),
        least("QD32 / Q", ratio(q32, w.peer("r4k-q32", "iops")), 1.05,
              bounds.by_a_process_between(w, "r4k-q32", w.peer("r4k-q32", "iops"), "Q")),
        least("QD32 / L", ratio(q32, w.raw("r4k-q32", "iops")), 0.7,
              bounds.by_a_process_between(w, "r4k-q32", w.raw("r4k-q32", "iops"), "L"))]
    yield "P11", "none: what it adds", [
        most("write QD1 p50 / Q", ratio(w.hold("none", "w4k-q1", "p50_us"),
                                        w.peer("w4k-q1", "p50_us")), 1.0,
             bounds.target_and_back(w, "w4k-q1")),
        least("write QD32 / Q", ratio(w.hold("none", "w4k-q32", "iops"),
                                      w.peer("w4k-q32", "iops")), 1.0,
              bounds.by_a_process_between(w, "w4k-q32", w.peer("w4k-q32", "iops"), "Q"))]


def outage_goals(w, _):
    during = w.hold("coalesce", "outage", "p99_us")
    yield "P10", "persistent: 4 KiB write QD1 during an outage, p99", [
        most("/ before it", ratio(during, w.hold("coalesce", "outage", "p99_before_us")), 1.5)]
    dirty = w.hold("coalesce", "start", "dirty_mib")
    yield "P12", "start with a dirty ring, the target away, until a read is answered", [
        most(f"seconds, {dirty or 0:.0f} MiB dirty (the goal is for 1024):",
             w.hold("coalesce", "start", "seconds"), 3)]
    yield "P13", "drain after an outage, coalesce, runs of 128 KiB", [
        least("/ L sequential, right after it", ratio(w.hold("coalesce", "outage", "drain_mb_s"),
                                                      w.hold("coalesce", "outage", "raw_mb_s")),
              0.8, bounds.drain(w))]


def issue_goals(w, _):
    # Not by FUA: qemu-storage-daemon 7.2 answers a write with RWF_DSYNC to its FUSE export without
    # any SYNCHRONIZE CACHE: of 100 such writes tgt had 100 pwrite64 and no fdatasync (of holdfast's:
    # 100 and 100).
    measured = [cell for cell in cells.TITLES
                if not cell.startswith("fua") and w.ahead_of_qemus_fuse(cell) is not None]
    yield "X1", "FUSE, none, each cell but FUA, which qemu's answers unsynced", [
        least(f"{cell} / qemu-storage-daemon's FUSE", w.ahead_of_qemus_fuse(cell), 1.3,
              bounds.fuse(w, cell), bounds.bare_fuse(w, cell))
        for cell in measured or ["any cell"]]
    yield "X2", "CPU time for 4 KiB at QD32, none", [
        most(f"{name} / qemu-nbd", ratio(w.hold("none", cell, "cpu_us"),
                                         w.get("qemu-nbd", cell, "cpu_us")), 0.8,
             bounds.cpu_time(w, cell))
        for name, cell in (("read", "r4k-q32"), ("write", "w4k-q32"))]
    yield "X3", "1 MiB sequential, none", [
        least(f"{name} / Q", ratio(w.hold("none", cell, "mb_s"), w.peer(cell, "mb_s")), 1.1)
        for name, cell in (("read", "r1m-q4"), ("write", "w1m-q4"))]
    yield "X4", "ten idle daemons", [
        most("% of a CPU together", w.get("idle daemons", "idle", "cpu_percent"), 0.1),
        most("MiB, the largest", w.get("idle daemons", "idle", "peak_mib"), 20)]


def judge(figures, regime, backing):
    """Yields (number, title, conditions, verdict) in this world; the verdict is a word."""
    world = World(figures, regime, backing)
    disk = world.on("disk")
    found = []
    for goals in (latency_goals, rate_goals, read_goals, outage_goals, issue_goals):
        found += goals(world, disk)
    found.sort(key=lambda goal: (goal[0][0], int(goal[0][1:])))
    for number, title, conditions in found:
        if any(c.is_missed() for c in conditions):
            verdict = "NOT MET"
        elif any(c.value is None for c in conditions):
            verdict = "not measured"
        else:
            verdict = "met"
        yield number, title, conditions, verdict
