#!/usr/bin/python3
"""What is said of a goal, by samples made for it."""

import os
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import goals  # noqa: E402
import report  # noqa: E402
from figures import Figures  # noqa: E402

WORLD = ("idle", "tmpfs")
ON_DISK = ("idle", "disk")


def figures_of(samples, world=WORLD):
    """samples: (candidate, front, cell, values)."""
    figures = Figures()
    for name, front, cell, values in samples:
        figures.add(*world, 1, SimpleNamespace(name=name, front=front), cell, values)
    return figures


def fuse(holdfast, qemu, libiscsi):
    return figures_of([("holdfast none", "fuse", "r4k-q32", {"iops": holdfast}),
                       ("qemu-storage-daemon", "fuse", "r4k-q32", {"iops": qemu}),
                       ("libiscsi", "raw", "r4k-q32", {"iops": libiscsi})])


def durable(holdfast_us, journal_us, round_trip_us):
    cells = [("holdfast coalesce", "nbd", cell, {"p50_us": holdfast_us})
             for cell in ("flush-q1", "fua-q1")]
    return figures_of(cells + [("journal device", "raw", "fua-q1", {"p50_us": journal_us}),
                               ("nbdkit memory", "nbd", "w4k-q1", {"p50_us": round_trip_us})])


def drain(world):
    """400 of 500 MB in the ring, which is read with 1000 MB/s and written with 2000."""
    return figures_of([
        ("holdfast coalesce", "nbd", "outage",
         {"drain_mb": 500, "drain_ring_mb": 400, "drain_cpu_s": 0.001, "drain_mb_s": 100,
          "raw_mb_s": 1000}),
        ("journal device", "raw", "r128k-q8", {"mb_s": 1000}),
        ("journal device", "raw", "w1m-q4", {"mb_s": 2000})], world)


def verdict_on(figures, number):
    return next(verdict for found, _, _, verdict in goals.judge(figures, *WORLD)
                if found == number)


def bounds_of(figures, number, world=WORLD):
    return [bound for found, _, bound in report.bound_rows(figures, world) if found == number]


class Goals(unittest.TestCase):
    def test_a_goal_that_is_met_needs_no_bound(self):
        figures = fuse(holdfast=140, qemu=100, libiscsi=110)
        self.assertEqual(verdict_on(figures, "X1"), "met")
        self.assertEqual(bounds_of(figures, "X1"), [])

    def test_a_goal_that_others_show_to_be_out_of_reach(self):
        figures = fuse(holdfast=100, qemu=100, libiscsi=120)
        self.assertEqual(verdict_on(figures, "X1"), "NOT MET")
        self.assertRegex(bounds_of(figures, "X1")[0], r": 1\.20: out of reach by this$")

    def test_each_cell_that_is_missed_has_its_own_bound(self):
        figures = fuse(holdfast=100, qemu=100, libiscsi=200)
        for name, front, iops in (("holdfast none", "fuse", 110),
                                  ("qemu-storage-daemon", "fuse", 100),
                                  ("the LUN's file", "raw", 125)):
            figures.add(*WORLD, 1, SimpleNamespace(name=name, front=front), "dpkg",
                        {"iops": iops})
        self.assertEqual([words for _, words, _ in report.bound_rows(figures, WORLD)],
                         ["r4k-q32 / qemu-storage-daemon's FUSE 1.00 (goal ≥ 1.3)",
                          "dpkg / qemu-storage-daemon's FUSE 1.10 (goal ≥ 1.3)"])
        self.assertRegex(bounds_of(figures, "X1")[1],
                         r"^the LUN's file.*: 1\.25: out of reach by this$")

    def test_many_conditions_are_told_by_those_that_are_missed(self):
        conditions = [goals.least(f"cell {number}", number, 3) for number in range(1, 6)]
        self.assertEqual(report.condition_texts(conditions), "missed 2 of 5: cell 1 1.00 "
                         "(goal ≥ 3); cell 2 2.00 (goal ≥ 3)")
        self.assertEqual(report.condition_texts(conditions[:1]), "cell 1 1.00 (goal ≥ 3)")

    def test_a_goal_that_is_missed_for_no_reason(self):
        figures = fuse(holdfast=100, qemu=100, libiscsi=200)
        self.assertRegex(bounds_of(figures, "X1")[0], r"2\.00: within reach by this$")

    def test_the_way_to_a_durable_write(self):
        figures = durable(holdfast_us=250, journal_us=100, round_trip_us=60)
        self.assertRegex(bounds_of(figures, "P1")[0], r": 2\.20: out of reach by this$")
        figures = durable(holdfast_us=250, journal_us=100, round_trip_us=10)
        self.assertRegex(bounds_of(figures, "P1")[0], r": 1\.20: within reach by this$")

    def test_a_bound_that_holdfast_is_ahead_of_says_so(self):
        figures = durable(holdfast_us=200, journal_us=100, round_trip_us=60)
        self.assertRegex(bounds_of(figures, "P1")[0],
                         r": 2\.20: holdfast is ahead of that; out of reach by this$")

    def test_fsyncs_come_one_at_a_time(self):
        figures = figures_of([
            ("holdfast none", "fuse", "flush-q32", {"iops": 9000}),
            ("qemu-storage-daemon", "fuse", "flush-q32", {"iops": 8000}),
            ("qemu-storage-daemon null", "fuse", "flush-q32", {"iops": 20000}),
            ("libiscsi", "raw", "flush-q32", {"iops": 16000}),
            ("libiscsi polling", "raw", "flush-q1", {"p50_us": 150}),
            ("libiscsi polling", "raw", "w4k-q1", {"p50_us": 100})])
        self.assertRegex(bounds_of(figures, "X1")[0],
                         r"^one FSYNC at a time.*: 1\.25: out of reach by this$")

    def test_one_after_the_other_at_depth_1(self):
        figures = figures_of([("holdfast none", "fuse", "r4k-q1", {"iops": 5000}),
                              ("qemu-storage-daemon", "fuse", "r4k-q1", {"iops": 5000}),
                              ("qemu-storage-daemon null", "fuse", "r4k-q1", {"iops": 16000}),
                              ("holdfast memory", "fuse", "w4k-q1", {"iops": 20000}),
                              ("libiscsi", "raw", "r4k-q1", {"iops": 1000}),
                              ("libiscsi polling", "raw", "r4k-q1", {"iops": 8000})])
        self.assertRegex(bounds_of(figures, "X1")[0], r"polling, .*: 1\.14: out of reach by this$")

    def test_a_file_system_waits_for_each_flush(self):
        figures = figures_of([
            ("holdfast none", "fuse", "sqlite", {"iops": 400, "flushes": 5}),
            ("qemu-storage-daemon", "fuse", "sqlite", {"iops": 400, "flushes": 4}),
            ("holdfast memory", "fuse", "w4k-q1", {"iops": 20000}),
            ("libiscsi polling", "raw", "flush-q1", {"iops": 2500}),
            ("the LUN's file", "raw", "sqlite", {"iops": 1000})])
        self.assertRegex(bounds_of(figures, "X1")[0],
                         r"^its flushes .*: 1\.00: out of reach by this$")

    def test_cpus_that_never_wait(self):
        figures = fuse(holdfast=100, qemu=100, libiscsi=1000)
        cpus = len(os.sched_getaffinity(0))
        figures.samples[2]["all_cpu_us"] = 8000 * cpus
        figures.add(*WORLD, 1, SimpleNamespace(name="qemu-storage-daemon null", front="fuse"),
                    "r4k-q32", {"all_cpu_us": 0})
        self.assertRegex(bounds_of(figures, "X1")[0],
                         r"^all CPUs at .*: 1\.25: out of reach by this$")

    def test_a_bare_server_is_told_beside_the_bound(self):
        figures = fuse(holdfast=100, qemu=100, libiscsi=200)
        figures.add(*WORLD, 1, SimpleNamespace(name="bare server", front="fuse"), "r4k-q32",
                    {"iops": 105})
        self.assertRegex(bounds_of(figures, "X1")[0],
                         r"2\.00: within reach by this; a bare server .*: 1\.05$")

    def test_what_leaves_the_ring_has_to_be_stable(self):
        figures = figures_of([("holdfast coalesce", "nbd", "steady4k-q32", {"iops": 50}),
                              ("libiscsi", "raw", "steady4k-q32", {"iops": 100}),
                              ("libiscsi syncing", "raw", "steady4k-q32", {"iops": 60})])
        self.assertRegex(bounds_of(figures, "P7")[0], r": 0\.60: out of reach by this$")

    def test_what_holdfast_reached_can_be_reached(self):
        figures = fuse(holdfast=125, qemu=100, libiscsi=120)
        self.assertRegex(bounds_of(figures, "X1")[0], r": 1\.25: out of reach by this$")

    def test_a_drain_reads_the_ring(self):
        self.assertRegex(bounds_of(drain(WORLD), "P13")[0], r": 1\.25: within reach by this$")

    def test_a_drain_is_compared_with_a_mere_copy(self):
        figures = drain(WORLD)
        figures.samples[0]["copy_mb_s"] = 600
        self.assertRegex(bounds_of(figures, "P13")[0],
                         r"^qemu-img convert.*: 0\.60: out of reach by this$")

    def test_a_drain_on_one_disk_reads_and_writes_it(self):
        self.assertRegex(bounds_of(drain(ON_DISK), "P13", ON_DISK)[0],
                         r"writing what was kept, / L: 0\.77: out of reach by this$")

    def test_a_process_between_client_and_target(self):
        figures = figures_of([("holdfast none", "nbd", "r4k-q32", {"iops": 60}),
                              ("holdfast coalesce", "nbd", "r4k-q32", {"iops": 58}),
                              ("libiscsi through socat", "raw", "r4k-q32", {"iops": 65}),
                              ("libiscsi", "raw", "r4k-q32", {"iops": 100})])
        self.assertRegex(bounds_of(figures, "P9")[0], r"/ L: 0\.65: out of reach by this$")

    def test_a_bound_whose_parts_are_missing_is_not_made_up(self):
        figures = figures_of([("holdfast coalesce", "nbd", cell, {"p50_us": 200})
                              for cell in ("flush-q1", "fua-q1")] +
                             [("journal device", "raw", "fua-q1", {"p50_us": 100})])
        self.assertRegex(bounds_of(figures, "P1")[0], r": not measured$")

    def test_what_was_not_measured_is_no_verdict(self):
        self.assertEqual(verdict_on(figures_of([]), "X1"), "not measured")
        self.assertEqual(list(report.bound_rows(figures_of([]), WORLD)), [])


if __name__ == "__main__":
    unittest.main()
