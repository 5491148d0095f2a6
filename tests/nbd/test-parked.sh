#!/bin/bash
# A client that comes before the disk is known waits with its GO, past the handshake deadline; one
# that says nothing does not.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require nbdinfo nbdsh

start_server --unknown-ms 1500 --handshake-ms 500
started=$(date +%s%N)
expect_same "size" 67108864 "$(nbdinfo --size "$uri")"
waited=$((($(date +%s%N) - started) / 1000000))
[ $waited -ge 1000 ] || fail "did not wait for the disk: $waited ms"
stop_server

start_server --unknown-ms 100000 --handshake-ms 300
/usr/bin/python3 - "$socket" <<'PYTHON' || fail "a silent client was not cut off"
import socket, sys
silent = socket.socket(socket.AF_UNIX)
silent.settimeout(5)
silent.connect(sys.argv[1])
assert len(silent.recv(100)) == 18
assert silent.recv(100) == b""
PYTHON

# The server stops while a client is parked: the client is told so.
nbdinfo --size "$uri" 2>"$scratch/nbdinfo.err" &
client=$!
sleep 0.3
stop_server
wait $client && fail "nbdinfo found a disk that is not there"
grep -qi shut "$scratch/nbdinfo.err" || fail "not told why: $(cat "$scratch/nbdinfo.err")"
