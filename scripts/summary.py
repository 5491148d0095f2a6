#!/usr/bin/python3
"""Sums up meson's testlog.json files: names what failed and was skipped, then one last line."""

import collections
import json
import sys

PASSED = ("OK", "EXPECTEDFAIL")


def main(paths):
    counts = collections.Counter()
    for path in paths:
        try:
            with open(path, encoding="utf-8") as log:
                results = [json.loads(line) for line in log]
        except OSError as e:
            print(f"No results: {e}")
            results = [{"name": path, "result": "ERROR"}]
        for test in results:
            result = test["result"]
            kind = "passed" if result in PASSED else "skipped" if result == "SKIP" else "failed"
            counts[kind] += 1
            if kind == "failed":
                print(f"failed: {test['name']} ({result})")
            if kind == "skipped":
                why = [line for line in (test.get("stdout") or "").splitlines() if "SKIP" in line]
                print(f"skipped: {test['name']}{' (' + why[-1] + ')' if why else ''}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
