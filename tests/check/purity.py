#!/usr/bin/python3
"""The core calls nothing of the outside world: no time, no random, no files, no library.

    purity.py BUILD-FOLDER     looks at the objects of the core with `nm`
    purity.py --self-test      needs cc

Every symbol that the core takes from outside stands in purity.allow, with the files that may: a
line is a symbol, then the files (patterns). Allocation, for instance, belongs to *_new().
"""

import fnmatch
import pathlib
import subprocess
import sys
import tempfile

CORE = {
    "src/base": ("*",), "src/session": ("*",), "src/volume": ("*",), "src/journal": ("*",),
    "nbd-server": ("*",), "fuse": ("*",), "src/attach": ("*",),
}
ADAPTERS = ("ev_*.c", "*_ev.c", "ffs_adapter*.c", "ffs_caller.c", "ffs_place.c", "ffs_receiver.c",
            "ffs_unmount.c", "ffs.c", "*_netlink.c", "sysfs.c", "usage.c")
ALLOW = pathlib.Path(__file__).with_name("purity.allow")


def nm(option, paths):
    return subprocess.run(["nm", option, "--format=posix", *map(str, paths)], text=True,
                          check=True, capture_output=True).stdout


def allow_list(path):
    rules = []
    for line in path.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            rules.append((words[0], words[1:] or ["*"]))
    return rules


def core_objects(build):
    """(source file name with its folder, object) of each core file that was built."""
    for folder in CORE:
        for path in sorted((build / folder).rglob("*.c.o")):
            source = path.name[:-len(".o")]
            if not any(fnmatch.fnmatch(source, pattern) for pattern in ADAPTERS):
                yield f"{folder}/{source}", path


def foreign(path, own):
    names = (line.split()[0] for line in nm("-u", [path]).splitlines() if line.split()[1:])
    return sorted(set(names) - own)


def check(build, rules):
    objects = list(core_objects(build))
    own = {line.split()[0] for line in nm("--defined-only", [p for _, p in objects]).splitlines()
           if len(line.split()) > 1}
    complaints = []
    for source, path in objects:
        for symbol in foreign(path, own):
            if not any(fnmatch.fnmatchcase(symbol, name) and
                       any(fnmatch.fnmatch(source, place) for place in places)
                       for name, places in rules):
                complaints.append(f"{source}: the core must not call {symbol}()")
    return complaints, len(objects)


def self_test(rules):
    with tempfile.TemporaryDirectory() as folder:
        build = pathlib.Path(folder)
        place = build / "src/session"
        place.mkdir(parents=True)
        for name, text in {"clock": "#include <time.h>\nlong f(void) { return time(0); }\n",
                           "heap": "#include <stdlib.h>\nvoid *g(void) { return malloc(9); }\n",
                           "file": "#include <unistd.h>\nlong h(void) { return read(0, 0, 0); }\n"
                           }.items():
            (place / f"{name}.c").write_text(text)
            subprocess.run(["cc", "-c", "-o", place / f"{name}.c.o", place / f"{name}.c"],
                           check=True)
        complaints, _ = check(build, rules)
    wanted = ("time()", "malloc()", "read()")
    missed = [name for name in wanted if not any(name in line for line in complaints)]
    print("\n".join(f"self-test: no complaint about {name}" for name in missed))
    return 1 if missed else 0


def main():
    rules = allow_list(ALLOW)
    if "--self-test" in sys.argv:
        return self_test(rules)
    complaints, count = check(pathlib.Path(sys.argv[1]), rules)
    if not count:
        complaints = [f"{sys.argv[1]}: no objects of the core here"]
    print("\n".join(complaints) or f"{count} objects of the core are pure")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
