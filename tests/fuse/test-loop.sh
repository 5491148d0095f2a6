#!/bin/bash
# A file system on a loop device on the file; discards; with and without cheap zeroes.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"
need_loop
need mkfs.ext4 e2fsck blkdiscard fstrim
mkdir "$dir/fs"

for fast_zero in 1 0; do
    start "$mnt" size=$((128 << 20)) fast_zero=$fast_zero
    attach "$mnt"
    soon mkfs.ext4 -q "$loop"
    soon mount "$loop" "$dir/fs"
    soon cp -r /usr/include/linux "$dir/fs/"
    soon dd if=/dev/urandom of="$dir/fs/big" bs=1M count=40 status=none
    cp "$dir/fs/big" "$dir/big"
    rm -r "$dir/fs/linux"
    soon cp -r /usr/include/linux "$dir/fs/again"
    sync -f "$dir/fs/big"
    if [ $fast_zero = 1 ]; then
        soon fstrim "$dir/fs"
    fi
    soon umount "$dir/fs"
    soon e2fsck -fn "$loop" >"$dir/fsck.log" 2>&1 || fail "$(cat "$dir/fsck.log")"
    # Not from the loop device's page cache, but through the file.
    detach
    attach "$mnt"
    soon mount -o ro "$loop" "$dir/fs"
    soon cmp "$dir/big" "$dir/fs/big"
    soon diff -r /usr/include/linux "$dir/fs/again"
    soon umount "$dir/fs"

    # open(O_TRUNC) by somebody else must not make the disk look empty to the loop device.
    : >"$mnt"
    soon dd if="$loop" of="$dir/head" bs=1M count=4 iflag=direct status=none
    soon cmp -n 4194304 "$dir/head" "$mnt"

    [ "$(field flushes)" -gt 0 ] || fail "no flush reached the volume"
    # Zeroing through the block layer leaves zeros, cheap or not.
    soon blkdiscard -f --zeroout --offset 1M --length 8M "$loop"
    [ -z "$(dd if="$mnt" bs=1M skip=1 count=8 status=none | tr -d '\0' | head -c1)" ] ||
        fail "zeroout left data (fast_zero=$fast_zero)"
    if [ $fast_zero = 1 ]; then
        soon blkdiscard -f "$loop"
        [ -z "$(tr -d '\0' <"$mnt" | head -c1)" ] || fail "discard left data"
        [ "$(field last_zeroes_flags)" = 4 ] || fail "a discard was not VOL_FAST_ZERO: $answer"
    fi
    detach
    stop
done
