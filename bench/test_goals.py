#!/usr/bin/python3
"""What is said of a goal, by samples made for it."""

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


def figures_of(samples):
    """samples: (candidate, front, cell, values)."""
    figures = Figures()
    for name, front, cell, values in samples:
        figures.add(*WORLD, 1, SimpleNamespace(name=name, front=front), cell, values)
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


def verdict_on(figures, number):
    return next(verdict for found, _, _, verdict in goals.judge(figures, *WORLD)
                if found == number)


def bounds_of(figures, number):
    return [bound for found, _, bound in report.bound_rows(figures, WORLD) if found == number]


class Goals(unittest.TestCase):
    def test_a_goal_that_is_met_needs_no_bound(self):
        figures = fuse(holdfast=140, qemu=100, libiscsi=110)
        self.assertEqual(verdict_on(figures, "X1"), "met")
        self.assertEqual(bounds_of(figures, "X1"), [])

    def test_a_goal_that_others_show_to_be_out_of_reach(self):
        figures = fuse(holdfast=100, qemu=100, libiscsi=120)
        self.assertEqual(verdict_on(figures, "X1"), "NOT MET")
        self.assertRegex(bounds_of(figures, "X1")[0], r"r4k-q32\): 1\.20: out of reach by this$")

    def test_a_goal_that_is_missed_for_no_reason(self):
        figures = fuse(holdfast=100, qemu=100, libiscsi=200)
        self.assertRegex(bounds_of(figures, "X1")[0], r"2\.00: within reach by this$")

    def test_the_way_to_a_durable_write(self):
        figures = durable(holdfast_us=250, journal_us=100, round_trip_us=60)
        self.assertRegex(bounds_of(figures, "P1")[0], r": 2\.20: out of reach by this$")
        figures = durable(holdfast_us=250, journal_us=100, round_trip_us=10)
        self.assertRegex(bounds_of(figures, "P1")[0], r": 1\.20: within reach by this$")

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
