#!/bin/bash
# nbdcopy there and back, over several connections, fast and slow, with much and with little memory.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require nbdcopy

size=$((48 * 1024 * 1024 + 512))
head -c $size /dev/urandom >"$scratch/in"

copy_both_ways()
{
    start_server --size $size "$@"
    nbdcopy --flush "$scratch/in" "$uri"
    nbdcopy "$uri" "$scratch/out"
    cmp "$scratch/in" "$scratch/out" || fail "not the same with $*"
    nbdcopy --synchronous "$uri" "$scratch/out"
    cmp "$scratch/in" "$scratch/out" || fail "not the same, synchronous, with $*"
    stop_server
}

copy_both_ways
copy_both_ways --delay-ms 2
copy_both_ways --memory $((1024 * 1024))
copy_both_ways --memory $((2 * 1024 * 1024)) --delay-ms 1 --block 4096
