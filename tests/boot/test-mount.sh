#!/bin/bash
# mount -t holdfast by the kernel's nbd: partitions of a URL and of a configured name in fstab, the
# daemon killed under the mounted file system, and gone with the last umount.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/e2e/mount.sh
. "$(dirname "$0")/../e2e/mount.sh"

need sfdisk mkfs.ext4 findmnt
truncate -s 96M "$T/disk"
make_parts
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_start tgt
url=iscsi://$GUEST_HOST:${PORTAL[tgt]##*:}/$IQN/1

guest_module nbd ext4 crc32c_generic
guest_program mount umount findmnt
for helper in mount umount mount.fuse umount.fuse; do
    mkdir -p "$GUEST_ROOT/helpers"
    ln -s /usr/sbin/holdfast "$GUEST_ROOT/helpers/$helper.holdfast"
done
# shellcheck disable=SC2119
guest_start <<END
network_up
# By their paths: the words alone are the shell's own, of busybox.
modprobe crc32c_generic
modprobe ext4
cp -P /helpers/* /sbin/
mkdir -p /mnt2 /run/mount /etc/holdfast
: >/etc/fstab

/usr/bin/mount -t holdfast $url /mnt -o part=1,noatime,_netdev,nofail,stop_timeout=5s || fail "not mounted"
findmnt -no SOURCE /mnt | grep -qx /dev/nbd0p1 || fail "not by nbd: \$(findmnt /mnt)"
findmnt -no OPTIONS /mnt | grep -qw noatime || fail "an option was lost"
/usr/bin/mount -t holdfast $url /mnt2 -o part=2,stop_timeout=5s || fail "no second partition"
findmnt -no SOURCE /mnt2 | grep -qx /dev/nbd0p2 || fail "not by nbd: \$(findmnt /mnt2)"
/usr/bin/mount -t holdfast $url /mnt -o part=1,stop_timeout=5s -v | grep -q already || fail "mounted twice"
echo one >/mnt/file
echo two >/mnt2/file
sync
say mounted

# Killed: the same command brings it back, and the file system never knew.
name=\$(basename /run/holdfast/*.conf .conf)
kill -9 \$(cat /run/holdfast/\$name/lock)
dd if=/dev/urandom of=/mnt/data bs=64k count=16 2>/dev/null
( sync; : >/run/synced ) &
sleep 1
[ ! -e /run/synced ] || fail "written without a daemon"
holdfast serve \$name 2>/run/hf.log &
wait_until 60 test -e /run/synced || fail "the writes do not go on"
say again

/usr/bin/umount /mnt2 || fail "umount of the second"
[ "\$(cat /mnt/file)" = one ] || fail "the first one lost its disk"
echo 3 >/proc/sys/vm/drop_caches
[ -e /sys/block/nbd0/pid ] || fail "detached under a mount"
/usr/bin/umount /mnt || fail "umount of the first"
[ ! -e /sys/block/nbd0/pid ] || fail "the device is left over"
[ -z "\$(holdfast status --json)" ] || fail "the daemon is left over"
[ ! -e /run/holdfast/\$name.conf ] || fail "the configuration is left over"
say unmounted

printf 'url = $url\nnbd = unix:/run/data.sock\n' >/etc/holdfast/data.conf
echo 'holdfast:data /mnt2 holdfast part=2,_netdev 0 0' >/etc/fstab
/usr/bin/mount -a || fail "mount -a"
[ "\$(cat /mnt2/file)" = two ] || fail "the data is not there"
/usr/bin/umount /mnt2 || fail "umount"
[ -z "\$(holdfast status --json)" ] || fail "the daemon is left over"
/usr/bin/mount -t holdfast data /mnt -o part=3 2>/run/why && fail "mounted what is not there"
grep -q 'has no partition 3; there are 1, 2' /run/why || fail "why: \$(cat /run/why)"
[ -z "\$(holdfast status --json)" ] || fail "the daemon is left over"
END
guest_ends 200
! grep -i 'I/O error' "$T/console.log" || fail "the kernel saw an error"
end tgt KILL
dd if="$T/disk" of="$T/first" bs=1M skip=1 count=40 status=none
e2fsck -fn "$T/first" >"$T/fsck" 2>&1 || fail "$(cat "$T/fsck")"
