#!/bin/bash
# The units as they are installed: systemd finds nothing to object to, an instance serves what it
# is called, and nothing in them hides the daemon's mounts from the host.
#
# test-units.sh HOLDFAST UNIT...
set -euo pipefail
command -v systemd-analyze >/dev/null || { echo "SKIP: no systemd-analyze"; exit 77; }
T=$(mktemp -d /tmp/holdfast-units.XXXXXX)
trap 'rm -rf "$T"' EXIT
HOLDFAST=$1
shift

fail() {
    echo "FAILED: $*"
    exit 1
}

# The program where the units look for it; an instance, because a template alone is not judged.
for unit; do
    sed "s|^ExecStart=[^ ]*/holdfast |ExecStart=$HOLDFAST |" "$unit" >"$T/$(basename "$unit")"
done
SYSTEMD_UNIT_PATH=$T: SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no \
    "$T/holdfast@my-disk.service" "$T/holdfast@my-disk.socket" >"$T/said" 2>&1 ||
    fail "systemd-analyze verify: $(cat "$T/said")"
grep -i holdfast "$T/said" && fail "systemd-analyze has objections"

# A fault is seen: the test can fail.
mkdir "$T/broken"
sed 's/^WatchdogSec=/WatchdogSecs=/' "$T/holdfast@.service" >"$T/broken/holdfast@.service"
SYSTEMD_UNIT_PATH=$T/broken: systemd-analyze verify --man=no "$T/broken/holdfast@x.service" \
    >"$T/said" 2>&1 || true
grep -q WatchdogSecs "$T/said" || fail "a wrong key is not objected to"

# What gives a service a mount namespace of its own (systemd.exec(5), SANDBOXING and PATHS).
own_namespace='^(Private(Tmp|Devices|Mounts|Users|IPC)|Protect(System|Home|ControlGroups|Proc)'
own_namespace+='|ProtectKernel(Tunables|Modules|Logs)|ReadWritePaths|ReadOnlyPaths|Inaccessible'
own_namespace+='|ExecPaths|NoExecPaths|Bind(ReadOnly)?Paths|TemporaryFileSystem|DynamicUser'
own_namespace+='|Root(Directory|Image)|MountFlags)'
grep -E "$own_namespace" "$T/holdfast@.service" &&
    fail "the file that the daemon mounts would be hidden from the host"
exit 0
