# shellcheck shell=bash disable=SC2034,SC2119,SC2120
# What the NBD tests share: a server over a volume in RAM, a scratch folder, and their end.
# Needs MEMORY_NBD, the program of that name. Source it first of all.

set -euo pipefail

: "${MEMORY_NBD:?run me with meson test, or set MEMORY_NBD}"

# nbdsh takes the first python3 that it finds; libnbd's module belongs to Debian's.
PATH=/usr/bin:/bin:$PATH

scratch=$(mktemp -d /tmp/holdfast-nbd-XXXXXX)
socket=$scratch/nbd.sock
server=

fail()
{
    echo "$0: $*" >&2
    exit 1
}

# Skips the test when a program is missing.
require()
{
    for tool; do
        type -P "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
    done
}

launch()
{
    : >"$scratch/server.out" # what the one before said is not for us
    "$MEMORY_NBD" "$@" >"$scratch/server.out" 2>"$scratch/server.err" &
    server=$!
    wait_for_server
}

# start_server [OPTION ...]: listens on $socket; $uri leads there.
start_server()
{
    launch --listen "unix:$socket" "$@"
    uri="nbd+unix:///?socket=$socket"
}

# start_tcp_server HOST [OPTION ...]: on a free port; $address is HOST:PORT.
start_tcp_server()
{
    launch --listen "tcp:$1:0" "${@:2}"
    uri="nbd://$address/"
}

wait_for_server()
{
    for _ in $(seq 100); do
        if grep -q ^ready "$scratch/server.out"; then
            address=$(sed -n 's/^ready //p' "$scratch/server.out")
            return
        fi
        kill -0 "$server" 2>/dev/null || fail "the server ended: $(cat "$scratch/server.err")"
        sleep 0.05
    done
    fail "the server does not get ready"
}

# Stops the server politely; it must end by itself, with status 0.
stop_server()
{
    kill "$server"
    wait "$server" || fail "the server ended with status $?: $(cat "$scratch/server.err")"
    server=
}

clean_up()
{
    if [ -n "$server" ]; then
        kill -KILL "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap clean_up EXIT

# expect_same WHAT EXPECTED ACTUAL
expect_same()
{
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}
