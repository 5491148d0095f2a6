#!/bin/bash
# A mount with a journal of its own: written to while the target is away, unmounted while it is
# still away, and whole when it is mounted again. And a LUN with blocks of 4 KiB and a GPT in them.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/mount.sh
. "$(dirname "$0")/mount.sh"
mount_start
truncate -s 96M "$T/disk"
LOOP=$(losetup -f --show -b 4096 "$T/disk")
on_exit "detach_loops $T/disk"
sfdisk -q "$LOOP" <<<"label: gpt
start=1MiB, size=64MiB"
sync "$LOOP"
losetup -d "$LOOP"
mkfs.ext4 -q -b 4096 -E offset=$((1 << 20)) "$T/disk" 64M
tgt_new tgt
tgt_lun tgt 1 "$T/disk" 4096
tgt_start tgt
URL=$(tgt_url tgt)
OPTIONS="part=1,journal=$T/ring,journal_size=64M,stop_timeout=3s"

expect 0 mount -t holdfast "$URL" "$T/mnt" -o "$OPTIONS"
LOOP=$(basename "$(findmnt -no SOURCE "$T/mnt")")
[ "$(cat "/sys/block/$LOOP/queue/logical_block_size")" = 4096 ] || fail "blocks of the wrong size"
echo before >"$T/mnt/before"
sync -f "$T/mnt"

say "the target goes: writing goes on"
end tgt KILL
dd if=/dev/urandom of="$T/mnt/during" bs=1M count=4 conv=fsync status=none
sum=$(md5sum <"$T/mnt/during")

say "unmounted without the target, in bounded time"
since=$(now)
expect 0 timeout 60 umount "$T/mnt"
says "ended without having written all to the target; mount it again"
! mounted "$T/mnt" || fail "mounted still"
no_daemon || fail "the daemon is left over"
less "$(since "$since")" 40 || fail "it took too long"

say "mounted without the target: not for ever"
expect 32 mount -t holdfast "$URL" "$T/mnt" -o "$OPTIONS,mount_timeout=2s"
says "mount_timeout="
no_daemon || fail "the daemon is left over"

say "the target is back, and so is everything"
tgt_start tgt
expect 0 mount -t holdfast "$URL" "$T/mnt" -o "$OPTIONS"
[ "$(md5sum <"$T/mnt/during")" = "$sum" ] || fail "what was written meanwhile is lost"
[ "$(cat "$T/mnt/before")" = before ] || fail "what was written before is lost"
expect 0 umount "$T/mnt"
end tgt KILL
dd if="$T/disk" of="$T/part" bs=1M skip=1 count=64 status=none
e2fsck -fn "$T/part" >"$T/fsck" 2>&1 || fail "$(cat "$T/fsck")"
debugfs -R "dump during $T/out" "$T/part" 2>/dev/null
[ "$(md5sum <"$T/out")" = "$sum" ] || fail "not on the target"
