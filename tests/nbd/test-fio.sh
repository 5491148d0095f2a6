#!/bin/bash
# fio's nbd engine writes and verifies: one deep connection, then eight at once.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require fio
fio --enghelp=nbd >/dev/null 2>&1 || { echo "needs fio with the nbd engine"; exit 77; }

verify()
{
    fio --name=verify --ioengine=nbd --uri="$uri" --rw=randrw --verify=crc32c --verify_fatal=1 \
        --do_verify=1 --verify_backlog=64 --randrepeat=1 --output="$scratch/fio.out" "$@" ||
        fail "fio: $(cat "$scratch/fio.out")"
    grep -q 'err= 0' "$scratch/fio.out" || fail "fio reports errors: $(cat "$scratch/fio.out")"
}

start_server --size $((64 * 1024 * 1024)) --delay-ms 1
verify --bsrange=512-64k --bs_unaligned --size=16m --iodepth=64
stop_server

start_server --size $((64 * 1024 * 1024))
verify --bs=4k --size=8m --iodepth=16 --numjobs=8 --offset_increment=8m --group_reporting
stop_server

# Large requests with hardly any memory.
start_server --size $((64 * 1024 * 1024)) --memory $((2 * 1024 * 1024))
verify --bs=3m --size=48m --iodepth=4
stop_server
