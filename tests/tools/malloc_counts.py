#!/usr/bin/python3
"""Reads the table of malloc_counter.so.

    malloc_counts.py FILE                  {"module": count, ...} as JSON
    malloc_counts.py FILE --since EARLIER  what was added since that output
"""

import argparse
import json
import os
import struct
import sys

ROW = struct.Struct("<QQ112s")


def read(path):
    counts = {}
    with open(path, "rb") as table:
        for count, _, module in ROW.iter_unpack(table.read()):
            name = os.path.basename(module.split(b"\0", 1)[0].decode()) or "program"
            if count:
                counts[name] = counts.get(name, 0) + count
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--since", metavar="EARLIER")
    options = parser.parse_args()
    counts = read(options.file)
    if options.since:
        with open(options.since, encoding="utf-8") as earlier:
            before = json.load(earlier)
        counts = {name: count - before.get(name, 0) for name, count in counts.items()}
        counts = {name: count for name, count in counts.items() if count}
    print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
