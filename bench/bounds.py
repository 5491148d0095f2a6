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


def lowest(bounds):
    """Each of them holds, so the lowest does."""
    return min((bound for bound in bounds if bound[1] is not None), key=lambda bound: bound[1],
               default=bounds[0])


def highest(*values):
    return max((value for value in values if value is not None), default=None)


def per_second_of_all_cpus(work, cpu_seconds):
    return ratio(work and work * len(os.sched_getaffinity(0)), cpu_seconds)


def in_turn(*rates):
    """Of a second, when one comes after the other."""
    needed = total(*(ratio(1, rate) for rate in rates))
    return ratio(1, needed)


# --- Latency: who does nothing else needs that long.

def round_trip(w, cell="w4k-q1"):
    """Microseconds, to an NBD server that does nothing."""
    return w.get("nbdkit memory", cell, "p50_us")


def durable_write(w):
    """Microseconds: the client sends FLUSH when its write is answered, which makes two round trips;
    and the journal has to be on its device."""
    return total(w.journal("fua-q1", "p50_us"), round_trip(w), round_trip(w))


def durable_against_journal(w):
    return ("J and two round trips to nbdkit's memory, / J",
            ratio(durable_write(w), w.journal("fua-q1", "p50_us")))


def durable_against_peer(disk):
    return ("J and two round trips to nbdkit's memory, / Q, LUN on disk",
            ratio(durable_write(disk), disk.peer("flush-q1", "p50_us")))


def write_against_journal(w):
    written = w.journal("w4k-q1", "p50_us")
    return ("J and a round trip to nbdkit's memory, / J",
            ratio(total(written, round_trip(w)), written))


def target_and_back(w, cell):
    return ("libiscsi's latency and a round trip to nbdkit's memory, / Q",
            ratio(total(w.raw(cell, "p50_us"), round_trip(w, cell)), w.peer(cell, "p50_us")))


# --- Rates

def by_a_process_between(w, cell, other, name):
    return (f"libiscsi through socat, which only passes bytes on, / {name}",
            ratio(w.get("libiscsi through socat", cell, "iops", "raw"), other))


def by_synced_writes(w):
    """Who gives the ring's room away has to know that the target will not lose it. (Seldomer would
    do; then a cell is over before the first.)"""
    return ("libiscsi with a SYNC for each quarter of the ring, / L",
            ratio(w.get("libiscsi syncing", "steady4k-q32", "iops", "raw"),
                  w.raw("steady4k-q32", "iops")))


def disk_reads(w):
    """MB/s of the disk, at its best."""
    return highest(w.journal("r128k-q8", "mb_s"), w.journal("r1m-q4", "mb_s"))


def disk_writes(w):
    return highest(w.journal("burst128k-q8", "mb_s"), w.journal("w1m-q4", "mb_s"))


def written_twice(w):
    """To the ring, and for the target's SYNC to the LUN."""
    if w.backing != "disk":
        return None
    rate = disk_writes(w)
    return ("J's rate, when each byte is written to the one disk twice, / Q",
            ratio(rate and rate / 2, w.peer("steady128k-q8", "mb_s")))


# --- The drain

def drained(w, key):
    return w.hold("coalesce", "outage", key)


def drain_by_cpu_time(w):
    """By the drain's own CPU time, not by others': it tells only whether the CPUs are the limit."""
    rate = per_second_of_all_cpus(drained(w, "drain_mb"), drained(w, "drain_cpu_s"))
    return ("all CPUs at what daemon and target took for the drain, / L",
            ratio(rate, drained(w, "raw_mb_s")))


def drain_by_disk(w):
    """What is not in memory is read from the ring. With the LUN on the same disk it is written
    there, too, before it is let go of; together they go no faster than one after the other."""
    read_s = ratio(drained(w, "drain_ring_mb"), disk_reads(w))
    words, needed_s = "J, reading what is in the ring", read_s
    if w.backing == "disk":
        words += " and writing what was kept"
        needed_s = total(read_s, ratio(drained(w, "drain_mb"), disk_writes(w)))
    return f"{words}, / L", ratio(ratio(drained(w, "drain_mb"), needed_s), drained(w, "raw_mb_s"))


def drain_by_a_copy(w):
    return ("qemu-img convert, as many bytes from the ring's disk to the LUN, / L",
            ratio(drained(w, "copy_mb_s"), drained(w, "raw_mb_s")))


def drain(w):
    return lowest([drain_by_cpu_time(w), drain_by_disk(w), drain_by_a_copy(w)])


# --- FUSE: in each cell; the goal is for all of them

def null_fuse(w, cell, key):
    return w.get("qemu-storage-daemon null", cell, key, "fuse")


def rate_of_both(w, cell):
    """Of CPUs that never wait. Nobody kept them so busy; that a better program could not, it does
    not show."""
    needed_us = total(w.raw(cell, "all_cpu_us"), null_fuse(w, cell, "all_cpu_us"))
    return per_second_of_all_cpus(1e6, needed_us)


def rate_of_fsyncs(w, cell):
    """Linux sends the FSYNCs of a file one at a time (fuse_fsync() holds the inode's lock): each
    has to come, wait for the target's SYNC, and be answered before the next one."""
    if cell != "flush-q32":
        return None
    write_us, both_us = (w.get("libiscsi polling", key, "p50_us", "raw")
                         for key in ("w4k-q1", "flush-q1"))
    sync_us = None if None in (write_us, both_us) else both_us - write_us
    return ratio(1e6, total(ratio(1e6, null_fuse(w, cell, "iops")), sync_us))


def fuse_round_trips(w, cell):
    """In a second. qemu sleeps between them; holdfast, with a write that it keeps in memory, does
    not, and a flush is a second one."""
    kept = w.hold("memory", "w4k-q1", "iops", "fuse")
    return highest(null_fuse(w, cell, "iops"), kept and kept / (2 if cell == "flush-q1" else 1))


def rate_of_one(w, cell):
    """At QD1: by a libiscsi that never sleeps, as holdfast does not then."""
    return in_turn(w.get("libiscsi polling", cell, "iops", "raw"), fuse_round_trips(w, cell))


def rate_of_flushes(w, cell):
    """A file system's flushes come one at a time, each behind a write that it waited for. (Written
    here and there, and not at the end of a journal: where a disk seeks, this shows nothing.)"""
    return ratio(rate_of_one(w, "flush-q1"), w.hold("none", cell, "flushes", "fuse"))


FUSE_WAYS = {
    "one": [("libiscsi, polling, and then the quickest round trip by FUSE", rate_of_one)],
    "many": [("libiscsi with nothing in front of it", lambda w, cell: w.raw(cell, "iops")),
             ("all CPUs at libiscsi's and at qemu's FUSE with nothing behind it", rate_of_both),
             ("one FSYNC at a time, libiscsi's and to qemu's FUSE with nothing behind it",
              rate_of_fsyncs)],
    "application": [("the LUN's file, without iSCSI and FUSE",
                     lambda w, cell: w.get("the LUN's file", cell, "iops", "raw")),
                    ("its flushes and a write before each, by libiscsi, polling, and then the "
                     "quickest round trips by FUSE", rate_of_flushes)],
}


def fuse(w, cell):
    kind = "application" if cell in cells.APPLICATION_NAMES else \
        "one" if cell.endswith("-q1") else "many"
    qemu = w.get("qemu-storage-daemon", cell, "iops", "fuse")
    return lowest([(f"{words}, / qemu's FUSE", ratio(w.at_least_ours(cell, rate(w, cell)), qemu))
                   for words, rate in FUSE_WAYS[kind]])


def bare_fuse(w, cell):
    """No bound: who does more than that may be quicker, as who polls, or rests."""
    return ("a bare server (`bench/bare_fuse.c`), / qemu's FUSE",
            ratio(w.get("bare server", cell, "iops", "fuse"),
                  w.get("qemu-storage-daemon", cell, "iops", "fuse")))


def cpu_time(w, cell):
    """Of the parts: an initiator, and an NBD server with nothing behind it."""
    needed_us = total(w.raw(cell, "cpu_us"), w.get("nbdkit memory", cell, "cpu_us"))
    return ("libiscsi's load and nbdkit's memory together / qemu-nbd",
            ratio(needed_us, w.get("qemu-nbd", cell, "cpu_us")))
