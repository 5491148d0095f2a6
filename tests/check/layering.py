#!/usr/bin/python3
"""Each folder includes only what stands below it: one direction, no knots."""

import fnmatch

import sources

BELOW = {
    "base": {"base"},
    "port": {"base", "port"},
    "journal": {"base", "port", "journal"},
    "session": {"base", "port", "session"},
    "volume": {"base", "port", "journal", "session", "volume"},
    "nbd-server": {"base", "port", "volume", "nbd-server"},
    "fuse": {"base", "port", "volume", "fuse"},
    "attach": {"base", "port", "nbd-server", "attach"},
    "os": {"base", "port", "os"},
    "boot": {"base", "boot"},
}
# Leaves of the wiring: a URL and a line for a person, without any state.
LEAVES = {"boot": ("daemon/fault.h", "daemon/initiator.h", "daemon/options.h", "daemon/url.h")}
# A front end's adapter, by its file name, also meets the event loop.
ADAPTERS = ("ev_*", "*_ev.?", "ffs.?", "ffs_adapter.?", "ffs_unmount.?")
ADAPTER_HEADERS = ("os/ev_loop.h",)
WIRING = ("daemon", "cli", "mount")


def allowed(path, layer, name):
    if layer in WIRING:
        return True
    if sources.layer_of(name) in BELOW.get(layer, ()) or name in LEAVES.get(layer, ()):
        return True
    return (name in ADAPTER_HEADERS and layer in ("nbd-server", "fuse", "attach") and
            any(fnmatch.fnmatch(path.name, pattern) for pattern in ADAPTERS))


def check(top):
    complaints = []
    for path in sources.code(top):
        layer = sources.layer_of(path.relative_to(top))
        if layer not in BELOW and layer not in WIRING:
            complaints.append(f"{path.relative_to(top)}: a folder that the layering does not know")
            continue
        for line, name, system in sources.includes(path):
            if not system and not allowed(path, layer, name):
                complaints.append(f"{path.relative_to(top)}:{line}: {layer} must not include {name}")
    return complaints


if __name__ == "__main__":
    sources.main(check, {
        "src/session/upward.c": '#include "volume/volume.h"\n',
        "src/base/leaf.h": '#include "port/link.h"\n',
        "src/volume/sideways.c": '#include "os/ev_loop.h"\n',
        "nbd-server/protocol.c": '#include "os/ev_loop.h"\n',
        "fuse/knot.c": '#include "nbd-server/server.h"\n',
        "src/os/upward.c": '# include "session/session.h"\n',
        "src/port/nowhere.h": '#include "link.h"\n',
        "src/boot/upward.c": '#include "daemon/serve.h"\n',
        "src/novel/folder.c": "\n",
    })
