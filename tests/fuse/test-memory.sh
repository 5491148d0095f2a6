#!/bin/bash
# Memory is short: requests wait for it, all of them are answered, none is lost.
. "$(dirname "$0")/functions.sh"
need fio

start "$mnt" memory=$((2 << 20)) size=$((64 << 20))
ask delay 1
soon fio --name=m --filename="$mnt" --size=64M --direct=1 --ioengine=libaio --iodepth=32 --bs=1M \
    --rw=randwrite --verify=crc32c --verify_fatal=1 --do_verify=1 --minimal >"$dir/fio.log" ||
    fail "$(cat "$dir/fio.log")"
soon fio --name=m --filename="$mnt" --size=16M --direct=1 --ioengine=psync --numjobs=8 --thread \
    --bsrange=4k-1M --rw=randrw --minimal >"$dir/fio.log" || fail "$(cat "$dir/fio.log")"
[ "$(field errors)" = 0 ] || fail "$answer"
ask release
is hungry 0
stop
