#!/bin/bash
# Clients killed in the middle of everything leave nothing behind; others never notice.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require nbdcopy nbdinfo

head -c $((64 * 1024 * 1024)) /dev/urandom >"$scratch/in"
start_server --delay-ms 20 --memory $((4 * 1024 * 1024)) --connections 8
for _ in $(seq 10); do
    nbdcopy "$scratch/in" "$uri" 2>/dev/null &
    writer=$!
    nbdcopy "$uri" "$scratch/out" 2>/dev/null &
    reader=$!
    sleep 0.15
    kill -KILL $writer $reader
    wait $writer $reader 2>/dev/null || true
done
expect_same "size" 67108864 "$(nbdinfo --size "$uri")"
nbdcopy "$scratch/in" "$uri"
nbdcopy "$uri" "$scratch/out"
cmp "$scratch/in" "$scratch/out" || fail "not the same"
stop_server
