#!/usr/bin/python3
"""The same seed gives the same trace: twice, and wherever it stands in a batch."""

import subprocess
import sys

FIRST, COUNT = 400, 20


def trace(sim, seed, count=1):
    return subprocess.run([sim, "--seed", str(seed), "--count", str(count), "--trace"],
                          check=True, capture_output=True).stdout


def main():
    sim = sys.argv[1]
    alone = [trace(sim, seed) for seed in range(FIRST, FIRST + COUNT)]
    again = [trace(sim, seed) for seed in range(FIRST, FIRST + COUNT)]
    for seed, first, second in zip(range(FIRST, FIRST + COUNT), alone, again):
        if not first:
            sys.exit(f"seed {seed} has no trace")
        if first != second:
            sys.exit(f"seed {seed} gave two traces")
    if trace(sim, FIRST, COUNT) != b"".join(alone):
        sys.exit("the trace of a batch is not that of its seeds: something outlives a seed")
    if len(set(alone)) != COUNT:
        sys.exit("two seeds gave the same trace")


main()
