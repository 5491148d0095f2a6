#!/bin/bash
# What is written is read, whatever the alignment, engine and order.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"
need fio cmp

start "$mnt" size=$((64 << 20))
dd if=/dev/urandom of="$dir/src" bs=1M count=64 status=none
soon dd if="$dir/src" of="$mnt" bs=1M status=none # opens with O_TRUNC
[ "$(size_of "$mnt")" = $((64 << 20)) ] || fail "O_TRUNC changed the size"
soon cmp "$dir/src" "$mnt"

# Unaligned, across blocks, up to the very end.
for range in "1 3" "511 2" "4095 8195" "1048575 1048577" "$(((64 << 20) - 5)) 5"; do
    read -r at length <<<"$range"
    head -c "$length" /dev/urandom >"$dir/piece"
    for file in "$dir/src" "$mnt"; do
        soon dd if="$dir/piece" of="$file" bs="$length" oflag=seek_bytes seek="$at" conv=notrunc status=none
    done
done
soon cmp "$dir/src" "$mnt"

# One system call of more than the kernel's largest request.
soon dd if="$dir/src" of="$dir/copy" bs=7M iflag=fullblock status=none
soon dd if="$mnt" of="$dir/copy" bs=7M iflag=direct status=none
soon cmp "$dir/src" "$dir/copy"

# Ends: ENOSPC at the end, nothing read beyond it.
refused dd if=/dev/zero of="$mnt" bs=512 count=1 oflag=append conv=notrunc status=none
grep -q "No space left" "$dir/err" || fail "$(cat "$dir/err")"
[ -z "$(tail -c +$(((64 << 20) + 1)) "$mnt")" ] || fail "read beyond the end"

verify() {
    soon fio --name=verify --filename="$mnt" --size=64M --direct=1 --verify=crc32c --verify_fatal=1 \
        --do_verify=1 --minimal "$@" >"$dir/fio.log" || fail "$(cat "$dir/fio.log")"
}
verify --ioengine=libaio --iodepth=32 --rw=randwrite --bsrange=512-128k --bs_unaligned=0
verify --ioengine=psync --rw=write --bs=1M
verify --ioengine=libaio --iodepth=8 --rw=randwrite --bs=1M
if fio --name=probe --filename="$mnt" --size=4k --ioengine=io_uring --rw=read >/dev/null 2>&1; then
    verify --ioengine=io_uring --iodepth=32 --rw=randwrite --bs=4k
fi
[ "$(field errors)" = 0 ] || fail "errors: $answer"
stop
[ ! -e "$mnt" ] || fail "the file that it made is still there"
