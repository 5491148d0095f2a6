#!/bin/bash
# A server that stops answers what is under way before it hangs up, and takes its socket along.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require nbdsh

start_server --delay-ms 1000
SERVER=$server nbdsh -u "$uri" -c '
import os, signal, time
data = nbd.Buffer.from_bytearray(bytearray(4096))
waiting = [h.aio_pwrite(data, 4096 * i) for i in range(10)]
deadline = time.monotonic() + 0.2
while time.monotonic() < deadline:
    h.poll(10)
assert len(waiting) == 10 and not any(h.aio_command_completed(c) for c in waiting)
os.kill(int(os.environ["SERVER"]), signal.SIGTERM)
while waiting:
    waiting = [c for c in waiting if not h.aio_command_completed(c)]
    if waiting:
        h.poll(-1)
' || fail "requests under way were not answered"
wait "$server" || fail "the server ended with status $?"
server=
[ ! -e "$socket" ] || fail "the socket is still there"
