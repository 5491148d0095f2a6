"""What bounds a goal: the best that its ratio could be, made of what others needed in the same run
for the parts of the way that nobody can leave out.

A bound is a pair of words and value. When it misses the goal itself, the goal is out of reach on
this machine; when not, it shows nothing, and the report says so.
"""

import os

import cells
from figures import ratio


def total(*values):
    return None if None in values else sum(values)


def per_second_of_all_cpus(work, cpu_seconds):
    return ratio(work and work * len(os.sched_getaffinity(0)), cpu_seconds)


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
    return ("all CPUs at libiscsi's reads and nbdkit's, one after the other, / L",
            ratio(per_second_of_all_cpus(1e6, needed_us), w.raw("r4k-q32", "iops")))


def drain_by_cpu_time(w):
    """By the drain's own CPU time, not by others': it tells only whether the CPUs are the limit."""
    drained = {key: w.hold("coalesce", "outage", key)
               for key in ("drain_mb", "drain_cpu_s", "raw_mb_s")}
    rate = per_second_of_all_cpus(drained["drain_mb"], drained["drain_cpu_s"])
    return ("all CPUs at what daemon and target took for the drain, / L",
            ratio(rate, drained["raw_mb_s"]))


def fuse_without_a_front_end(w):
    """Not at QD1, where libiscsi sleeps between the steps and holdfast does not."""
    deep = [cell for cell in cells.TITLES if not cell.endswith("-q1")]
    cell, value = w.least_ahead_of_qemus_fuse(deep, lambda cell: w.raw(cell, "iops"))
    return f"libiscsi with nothing in front of it / qemu's FUSE ({cell})", value


def cpu_time(w, cell):
    """Of the parts: an initiator, and an NBD server with nothing behind it."""
    needed_us = total(w.raw(cell, "cpu_us"), w.get("nbdkit memory", cell, "cpu_us"))
    return ("libiscsi's load and nbdkit's memory together / qemu-nbd",
            ratio(needed_us, w.get("qemu-nbd", cell, "cpu_us")))
