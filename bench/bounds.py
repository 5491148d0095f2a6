"""What bounds a goal: the best that its ratio could be, made of what others needed in the same run
for the parts of the way that nobody can leave out.

A bound is a pair of words and value. When it misses the goal itself, the goal is out of reach on
this machine; when not, it shows nothing, and the report says so.
"""

import os

import cells


def ratio(one, other):
    return one / other if one is not None and other else None


def total(*values):
    return None if None in values else sum(values)


def durable_write(w):
    """Microseconds: the client sends FLUSH when its write is answered, which makes two round trips
    of NBD, here to a server that does nothing; and the journal has to be on its device."""
    round_trip = w.get("nbdkit memory", "w4k-q1", "p50_us")
    return total(w.journal("fua-q1", "p50_us"), round_trip, round_trip)


def durable_against_journal(w):
    return ("J and two round trips to nbdkit's memory, / J",
            ratio(durable_write(w), w.journal("fua-q1", "p50_us")))


def durable_against_peer(disk):
    return ("J and two round trips to nbdkit's memory, / Q, LUN on disk",
            ratio(durable_write(disk), disk.peer("flush-q1", "p50_us")))


def reads_by_cpu_time(w):
    """As if the CPUs did nothing but what libiscsi, the target, and NBD by nbdkit take for it."""
    needed_us = total(w.raw("r4k-q32", "all_cpu_us"),
                      w.get("nbdkit memory", "r4k-q32", "all_cpu_us"))
    rate = len(os.sched_getaffinity(0)) * 1e6 / needed_us if needed_us else None
    return ("all CPUs at libiscsi's reads and nbdkit's, one after the other, / L",
            ratio(rate, w.raw("r4k-q32", "iops")))


def drain_by_cpu_time(w):
    rate = ratio(w.hold("coalesce", "outage", "drain_mb"), w.hold("coalesce", "outage",
                                                                  "drain_cpu_s"))
    return ("all CPUs at what daemon and target took for the drain, / L",
            ratio(rate and rate * len(os.sched_getaffinity(0)),
                  w.hold("coalesce", "outage", "raw_mb_s")))


def fuse_without_a_front_end(w):
    """The cell in which libiscsi, with nothing in front of it, is the least ahead of qemu's FUSE.
    Not at QD1, where it sleeps between the steps and holdfast does not."""
    found = [(ratio(w.raw(cell, "iops"), w.get("qemu-storage-daemon", cell, "iops", "fuse")), cell)
             for cell in cells.TITLES if not cell.startswith("fua") and not cell.endswith("-q1")]
    value, cell = min((pair for pair in found if pair[0] is not None), default=(None, "no cell"))
    return f"libiscsi with nothing in front of it / qemu's FUSE ({cell})", value


def cpu_time(w, cell):
    """Of the parts: an initiator, and an NBD server with nothing behind it."""
    needed_us = total(w.raw(cell, "cpu_us"), w.get("nbdkit memory", cell, "cpu_us"))
    return ("libiscsi's load and nbdkit's memory together / qemu-nbd",
            ratio(needed_us, w.get("qemu-nbd", cell, "cpu_us")))
