#!/usr/bin/python3
"""Writes 4 KiB and fsyncs, again and again, and knows how long each took and what is in the file.

    fsync_latency.py run FILE --report REPORT --model MODEL --stop STOP [--pause S]
    fsync_latency.py percentiles REPORT --phases PHASES

`run` overwrites random blocks of a file that is there already. A line of REPORT is the start of a
pair (write, fsync) in seconds of CLOCK_MONOTONIC and how long it took. MODEL is, in the end, what
the file holds.

`percentiles` reads PHASES, lines `FROM TO NAME` on the same clock, and prints a JSON object: for each NAME
the count, p50, p90, p99 and p100 in ms of the pairs that began in its phases.
"""

import argparse
import json
import mmap
import os
import random
import sys
import time

BLOCK = 4096


def run(options):
    size = os.path.getsize(options.file)
    model = bytearray(open(options.file, "rb").read())
    fd = os.open(options.file, os.O_WRONLY | os.O_DIRECT)
    page = mmap.mmap(-1, BLOCK)
    dice = random.Random(1)
    with open(options.report, "w", encoding="utf-8") as report:
        while not os.path.exists(options.stop):
            at = dice.randrange(size // BLOCK) * BLOCK
            page[:] = dice.randbytes(BLOCK)
            began = time.monotonic()
            os.pwritev(fd, [page], at)
            os.fsync(fd)
            report.write(f"{began:.6f} {time.monotonic() - began:.6f}\n")
            report.flush()
            model[at:at + BLOCK] = page[:]
            time.sleep(options.pause)
    with open(options.model, "wb") as out:
        out.write(model)
    return 0


def figures(times):
    times = sorted(1000 * t for t in times)
    result = {"count": len(times)}
    for percent in (50, 90, 99, 100) if times else ():
        result[f"p{percent}_ms"] = round(times[min(len(times) - 1, len(times) * percent // 100)], 3)
    return result


def percentiles(options):
    with open(options.file, encoding="utf-8") as report:
        pairs = [tuple(map(float, line.split())) for line in report if line.endswith("\n")]
    phases = {}
    with open(options.phases, encoding="utf-8") as lines:
        for line in lines:
            begin, end, name = line.split()
            phases.setdefault(name, []).append((float(begin), float(end)))
    print(json.dumps({name: figures([took for began, took in pairs
                                     if any(a <= began < b for a, b in spans)])
                      for name, spans in phases.items()}))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "percentiles"))
    parser.add_argument("file")
    parser.add_argument("--report")
    parser.add_argument("--model")
    parser.add_argument("--stop")
    parser.add_argument("--pause", type=float, default=0.002)
    parser.add_argument("--phases")
    options = parser.parse_args()
    return run(options) if options.what == "run" else percentiles(options)


if __name__ == "__main__":
    sys.exit(main())
