#!/bin/bash
# The shutdown hook drains every daemon that still lives, at the same time, and always ends.
#
# test-shutdown.sh HOOK
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "SKIP: needs root"; exit 77; }
if [ -z "${INSIDE-}" ]; then
    unshare -m true 2>/dev/null || { echo "SKIP: no mount namespaces here"; exit 77; }
    INSIDE=1 exec unshare -m --propagation private "$0" "$@"
fi
T=$(mktemp -d /tmp/holdfast-shutdown.XXXXXX)
trap 'rm -rf "$T"' EXIT
mount -t tmpfs tmpfs /run

fail() {
    echo "FAILED: $*"
    cat "$T/calls" || true
    exit 1
}

# In place of the program: it notes how it was called. The target of "away" is.
cat >"$T/holdfast" <<END
#!/bin/sh
[ "\$1" = status ] || echo "\$*" >>$T/calls
[ "\$1 \$2" != "status away" ] || echo '{"name":"away","state":"waiting"}'
[ "\$1 \$2" != "status root" ] || echo '{"name":"root","state":"ready"}'
exit 1
END
chmod +x "$T/holdfast"
sed "s|[^ ]*/holdfast \\([sd]\\)|$T/holdfast \\1|" "$1" >"$T/hook"
chmod +x "$T/hook"

: >"$T/calls"
"$T/hook" poweroff || fail "without a daemon it fails"
[ ! -s "$T/calls" ] || fail "without a daemon something is called"

for name in root away; do
    mkdir -p "/run/holdfast/$name"
    /usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' \
        "/run/holdfast/$name/control"
done
mkdir /run/holdfast/ended
touch /run/holdfast/root.conf
"$T/hook" reboot || fail "a drain that fails must not fail the shutdown"
[ "$(sort "$T/calls")" = "drain away --timeout 10s
drain root --timeout 60s" ] || fail "not each daemon once, in bounded time"
