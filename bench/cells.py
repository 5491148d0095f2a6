"""What is done to the candidates: cells of one workload, in groups between which they alternate."""

import json

from world import run

# name, what it is, arguments of the load. {burst}: operations of 4 KiB, {burst128}: of 128 KiB, that
# take a part of the ring.
GROUPS = {
    "small reads": [
        ("r4k-q1", "4 KiB random read, QD1", "--read 100 --depth 1"),
        ("r4k-q32", "4 KiB random read, QD32", "--read 100 --depth 32"),
    ],
    "small writes": [
        ("w4k-q1", "4 KiB random write, QD1", "--read 0 --depth 1"),
        ("w4k-q32", "4 KiB random write, QD32", "--read 0 --depth 32"),
        ("burst4k-q32", "4 KiB random write, QD32, a burst inside the ring",
         "--read 0 --depth 32 --count {burst}"),
    ],
    "durable writes": [
        ("flush-q1", "4 KiB write + FLUSH, QD1", "--read 0 --sync flush --depth 1"),
        ("flush-q32", "4 KiB write + FLUSH, QD32", "--read 0 --sync flush --depth 32"),
        ("fua-q1", "4 KiB write with FUA, QD1", "--read 0 --sync fua --depth 1"),
        ("fua-q32", "4 KiB write with FUA, QD32", "--read 0 --sync fua --depth 32"),
    ],
    "large": [
        ("r128k-q8", "128 KiB sequential read, QD8",
         "--read 100 --size 128K --depth 8 --pattern sequential"),
        ("w128k-q8", "128 KiB sequential write, QD8",
         "--read 0 --size 128K --depth 8 --pattern sequential"),
        ("burst128k-q8", "128 KiB sequential write, QD8, a burst inside the ring",
         "--read 0 --size 128K --depth 8 --pattern sequential --count {burst128}"),
        ("r1m-q4", "1 MiB sequential read, QD4",
         "--read 100 --size 1M --depth 4 --pattern sequential"),
        ("w1m-q4", "1 MiB sequential write, QD4",
         "--read 0 --size 1M --depth 4 --pattern sequential"),
    ],
    "mixed": [
        ("mix-q32", "4 KiB random, 70 % read, QD32", "--read 70 --depth 32"),
    ],
}
# With a ring that is full before the measurement begins; the others do the same, as a measure.
STEADY = [
    ("steady4k-q32", "4 KiB random write, QD32, the ring full", "--read 0 --depth 32"),
    ("steady128k-q8", "128 KiB sequential write, QD8, the ring full",
     "--read 0 --size 128K --depth 8 --pattern sequential"),
]
STEADY_RUNS = 2
THROUGHPUT = ("r128k-q8", "w128k-q8", "burst128k-q8", "r1m-q4", "w1m-q4", "steady128k-q8")
APPLICATIONS = [
    ("sqlite", "SQLite, a commit for each row (ext4 on a loop device), commits/s"),
    ("dpkg", "files written, fsynced and renamed as dpkg does (same place), files/s"),
]
TITLES = {name: title for group in [*GROUPS.values(), STEADY] for name, title, _ in group}
TITLES |= dict(APPLICATIONS)
STEADY_NAMES = [name for name, _, _ in STEADY]
APPLICATION_NAMES = [name for name, _ in APPLICATIONS]


def nanoseconds_of(runner):
    """The CPU time of a candidate's or the target's process so far; 0 for one that has none."""
    return runner.process.nanoseconds() if runner.process else 0


def memory_of(runner):
    return {"peak_mib": runner.process.peak_mib() if runner.process else 0}


def bytes_of(words):
    """Of an operation."""
    size = words[words.index("--size") + 1] if "--size" in words else "4K"
    return int(size[:-1]) << {"K": 10, "M": 20}[size[-1]]


def load(bench, candidate, arguments, share=1):
    """One run of the load: its own figures, and the CPU time that the candidate took for them;
    and all three, with the load and the target, where it is known. Without a count it takes this
    share of a cell's time."""
    words = arguments.format(burst=bench.burst, burst128=bench.burst128).split()
    words += candidate.load_options(bytes_of(words))
    if "--count" not in words:
        words += ["--seconds", f"{bench.seconds * share:.3f}",
                  "--warm", f"{bench.warm * share:.3f}"]
    before, target_before = nanoseconds_of(candidate), nanoseconds_of(bench.target)
    bench.seed += 1
    found = json.loads(run(bench.load, candidate.address(), "--seed", bench.seed, *words,
                           timeout=bench.patience))
    loads = found["load_cpu_s"] * 1e9
    own = nanoseconds_of(candidate) - before
    targets = nanoseconds_of(bench.target) - target_before
    found["cpu_us"] = (own if candidate.process else loads) / 1e3 / found["all_ops"]
    if not candidate.hides_cpu_time:
        found["all_cpu_us"] = (own + loads + targets) / 1e3 / found["all_ops"]
        found["busy_cpus"] = found["all_cpu_us"] * found["iops"] / 1e6
    return found | memory_of(candidate)


def run_group(bench, candidate, cells):
    """Yields (cell, figures); the candidate is started and stopped here. A cell's time is cut into
    parts, with a connection each: with two CPUs for three processes some run 1.6 times as fast as
    others, from beginning to end, and few long ones would leave it to luck."""
    cells = [cell for cell in cells if candidate.does(cell[0])]
    if not cells:
        return
    try:
        candidate.start()
        for name, _, arguments in cells:
            for _ in range(bench.parts):
                candidate.settle()
                yield name, load(bench, candidate, arguments, 1 / bench.parts)
    finally:
        candidate.stop()


def run_steady(bench, candidate):
    """More is written than the small ring holds, and at once the measurement goes on from there:
    for a cell's whole time, or what it finds would still be a burst."""
    fill = 2 * bench.small_ring_bytes // (128 * 1024)
    try:
        candidate.start()
        for name, _, arguments in (cell for cell in STEADY if candidate.does(cell[0])):
            for _ in range(STEADY_RUNS):
                candidate.settle()
                load(bench, candidate, f"--read 0 --size 128K --depth 8 --count {fill}")
                yield name, load(bench, candidate, arguments)
    finally:
        candidate.stop()


def unit(cell):
    return "MB/s" if cell in THROUGHPUT else "1/s" if cell in APPLICATION_NAMES else "IOPS"


def rate(cell, figures):
    return figures["mb_s"] if cell in THROUGHPUT else figures["iops"]
