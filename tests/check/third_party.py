#!/usr/bin/python3
"""A file's name is its permission to know a library: <ev.h> in ev_*.c, <iscsi/*.h> in *_libiscsi.c."""

import fnmatch

import sources

PERMISSION = {
    "ev.h": ("ev_*.[ch]", "*_ev.[ch]"),
    "iscsi/*": ("*_libiscsi.[ch]",),
    "fuse_lowlevel.h": ("ffs_adapter*.[ch]", "ffs_caller.[ch]"),
    "fuse*.h": ("ffs_adapter*.[ch]", "ffs_caller.[ch]"),
    "liburing.h": ("*_uring.[ch]",),
    "netlink/*": ("*_netlink.[ch]",),
    "blkid/*": ("*_blkid.[ch]",),
    "libnl*": ("*_netlink.[ch]",),
}
# Libraries for whole folders.
FOLDERS = {"libnbd.h": ("cli",), "json-c/*": ("daemon", "cli", "mount"), "json.h": ("daemon", "cli"),
           "ini.h": ("daemon",), "isa-l*": ("base",), "isa-l/*": ("base",)}


def check(top):
    complaints = []
    for path in sources.code(top):
        layer = sources.layer_of(path.relative_to(top))
        for line, name, system in sources.includes(path):
            if not system:
                continue
            place = f"{path.relative_to(top)}:{line}"
            for header, names in PERMISSION.items():
                if fnmatch.fnmatch(name, header) and \
                        not any(fnmatch.fnmatch(path.name, n) for n in names):
                    complaints.append(f"{place}: <{name}> only in {' or '.join(names)}")
                    break
            for header, folders in FOLDERS.items():
                if fnmatch.fnmatch(name, header) and layer not in folders:
                    complaints.append(f"{place}: <{name}> only under {' or '.join(folders)}")
                    break
    return complaints


if __name__ == "__main__":
    sources.main(check, {
        "src/os/link.c": "#include <iscsi/iscsi.h>\n",
        "src/volume/loop.c": "#include <ev.h>\n",
        "fuse/ffs_file.c": "#include <fuse_lowlevel.h>\n",
        "src/session/log.c": "#include <json-c/json.h>\n",
    })
