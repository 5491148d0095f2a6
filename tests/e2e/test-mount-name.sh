#!/bin/bash
# Configured names in fstab, partitions, and several mounts of one daemon: it is started by the first
# and ends with the last; one that ran before stays.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/mount.sh
. "$(dirname "$0")/mount.sh"
mount_start
truncate -s 96M "$T/disk"
make_parts
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_start tgt
configure data "url = $(tgt_url tgt)" "fuse = /run/holdfast/data/disk" "stop_timeout = 5s"

say "the lines of an fstab, as mount -a takes them"
cat >"$T/fstab" <<END
holdfast:data $T/mnt holdfast _netdev,nofail,x-systemd.automount,part=1,noatime 0 0
data $T/mnt2 holdfast part=2,_netdev,noauto,user 0 0
END
expect 0 mount -T "$T/fstab" -a
mounted "$T/mnt" || fail "not mounted"
! mounted "$T/mnt2" || fail "noauto was mounted"
[ "$(cat "/proc/$(cat /run/holdfast/data/lock)/comm")" = holdfast ] || fail "ps(1) does not know it"
findmnt -no OPTIONS "$T/mnt" | grep -qw noatime || fail "an option was lost"
expect 0 mount -T "$T/fstab" -a
[ "$(grep -c " $T/mnt " /proc/self/mountinfo)" = 1 ] || fail "mount -a mounts again and again"

say "a second partition: another loop device, the same daemon"
# mount(8) takes a file of that name in the current folder for what is meant.
mkdir "$T/data" && cd "$T"
expect 0 mount -T "$T/fstab" "$T/mnt2"
cd /
[ "$(findmnt -no LABEL "$T/mnt2")" = second ] || [ "$(e2label "$(findmnt -no SOURCE "$T/mnt2")")" = second ] ||
    fail "another partition was mounted"
[ "$(loops data)" = 2 ] || fail "$(loops data) loop devices"
[ "$(daemons)" = 1 ] || fail "not one daemon"
echo one >"$T/mnt/file"
echo two >"$T/mnt2/file"
fallocate -l 12M "$T/mnt2/big" || fail "a partition has not its size"

say "the one unmounted, the other goes on"
expect 0 umount "$T/mnt2"
[ "$(cat "$T/mnt/file")" = one ] || fail "the other one lost its disk"
[ "$(daemons)" = 1 ] || fail "the daemon ended too early"

say "unmounted lazily while busy: the daemon goes on as long as somebody has the disk"
exec {busy}<"$T/mnt/file"
expect 0 umount -l "$T/mnt"
[ "$(cat <&"$busy")" = one ] || fail "the disk is gone"
[ "$(daemons)" = 1 ] || fail "the daemon ended"
exec {busy}<&-
wait_until 5 no_loop data || fail "the loop device stays"

say "mounted again by hand, the last umount ends the daemon"
expect 0 mount -t holdfast.ext4 data "$T/mnt" -o part=1
[ "$(cat "$T/mnt/file")" = one ] || fail "the data is not there"
expect 0 umount "$T/mnt"
no_daemon || fail "the daemon is left over"
[ -e /run/holdfast/data.conf ] || fail "the configuration of somebody else was removed"

say "both at once: one of them starts the daemon, both are mounted; both at once away"
spawn first mount -t holdfast data "$T/mnt" -o part=1
spawn second mount -t holdfast data "$T/mnt2" -o part=2
ended_within first 20 && [ "$ENDED" = 0 ] || fail "the first one"
ended_within second 20 && [ "$ENDED" = 0 ] || fail "the second one"
[ "$(cat "$T/mnt/file" "$T/mnt2/file")" = "one
two" ] || fail "not both are mounted"
[ "$(daemons)" = 1 ] || fail "not one daemon"
spawn first umount "$T/mnt"
spawn second umount "$T/mnt2"
ended_within first 20 && [ "$ENDED" = 0 ] || fail "the first one"
ended_within second 20 && [ "$ENDED" = 0 ] || fail "the second one"
no_daemon || fail "the daemon is left over"

say "a daemon that was there before stays"
spawn hf "$HOLDFAST" serve data
wait_until 10 hf_is_ready || fail "holdfast does not say ready"
expect 0 mount -t holdfast data "$T/mnt" -o part=2
[ "$(cat "$T/mnt/file")" = two ] || fail "the data is not there"
expect 0 umount "$T/mnt"
alive hf || fail "the daemon was ended, though a mount did not start it"
end hf
[ "$ENDED" = 0 ] || fail "it ended with $ENDED"
