#!/bin/bash
# Memory is short: requests wait for it, all of them are answered, none is lost.
# shellcheck source=tests/fuse/functions.sh
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

# Readers and writers that are killed while they wait, in whatever state they are.
ask delay 5
for i in {1..60}; do
    if ((i % 3)); then
        dd if="$mnt" of=/dev/null bs=1M count=8 iflag=direct status=none &
    else
        dd if=/dev/zero of="$mnt" bs=1M count=8 oflag=direct conv=notrunc status=none &
    fi
    dds[i]=$!
    ((i < 8)) || kill -9 "${dds[i - 7]}" 2>/dev/null || true
    sleep 0.0$((RANDOM % 4))
done 2>/dev/null
kill -9 "${dds[@]}" 2>/dev/null || true
wait "${dds[@]}" 2>/dev/null || true
is in_volume 0
is hungry 0
is memory_used 0
soon dd if="$mnt" of=/dev/null bs=1M status=none
ask release
stop
