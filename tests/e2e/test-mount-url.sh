#!/bin/bash
# mount -t holdfast URL DIR: the daemon comes with the first mount of a LUN and goes with the last
# one, and what was written is on the target.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/mount.sh
. "$(dirname "$0")/mount.sh"
mount_start
truncate -s 96M "$T/disk"
make_fs ext4
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_start tgt
URL=$(tgt_url tgt)

say "mounted, with options of all three kinds"
expect 0 mount -t holdfast "$URL" "$T/mnt" -o "noatime,_netdev,nofail,user,suid,x-systemd.automount,stop_timeout=5s,retain=4M"
mounted "$T/mnt" || fail "not mounted"
findmnt -no FSTYPE,OPTIONS "$T/mnt" | grep -q '^ext4 .*noatime' || fail "not as it was said: $(findmnt "$T/mnt")"
NAME=$(basename /run/holdfast/*.conf .conf)
[ "$(stat -c %a "/run/holdfast/$NAME.conf")" = 600 ] || fail "others may read the configuration"
grep -qx 'retain = 4M' "/run/holdfast/$NAME.conf" || fail "an option did not reach the daemon"
LOOP=$(basename "$(findmnt -no SOURCE "$T/mnt")")
[ "$(cat "/sys/block/$LOOP/loop/dio")" = 1 ] || fail "the loop device has no direct I/O"
PID["daemon"]=$(cat "/run/holdfast/$NAME/lock")
[ "$(awk '{ print $6 }' "/proc/${PID["daemon"]}/stat")" = "${PID["daemon"]}" ] ||
    fail "the daemon lives in the session of the mount"

dd if=/dev/urandom of="$T/mnt/data" bs=1M count=8 status=none
sum=$(md5sum <"$T/mnt/data")

say "again: nothing happens"
expect 0 mount -t holdfast "$URL" "$T/mnt" -o stop_timeout=5s,retain=4M -v
says "is mounted on $T/mnt already"
[ "$(grep -c " $T/mnt " /proc/self/mountinfo)" = 1 ] || fail "mounted twice"
expect 32 mount -t holdfast "$URL" "$T/mnt" -o stop_timeout=5s,retain=4M,ro
says "mounted there already, and can be written; to change that: mount -o remount,ro $T/mnt"
wait_until 5 one_loop "$NAME" ||
    fail "a loop device is left over"

say "a second mount of the same file system; with other options for the daemon it is refused"
expect 32 mount -t holdfast "$URL" "$T/mnt2" -o retain=2M
says "serves this LUN already, with other options"

say "remounted: the file system's options change, the daemon's stay"
expect 0 mount -t holdfast "$URL" "$T/mnt" -o remount,ro
findmnt -no OPTIONS "$T/mnt" | grep -qw ro || fail "not read-only"
expect 0 mount -t holdfast "$URL" "$T/mnt" -o stop_timeout=5s,retain=4M,ro
expect 0 mount.holdfast "$URL" "$T/mnt" -o rw,remount,retain=4M
findmnt -no OPTIONS "$T/mnt" | grep -qw rw || fail "read-only still"
alive daemon || fail "the daemon was restarted"

say "busy: it stays mounted, and served"
exec {busy}<"$T/mnt/data"
expect 32 umount "$T/mnt"
mounted "$T/mnt" || fail "unmounted"
alive daemon || fail "the daemon ended under a mounted file system"
exec {busy}<&-

say "unmounted by umount(8), which finds the helper: the daemon goes"
expect 0 umount "$T/mnt"
! mounted "$T/mnt" || fail "mounted still"
no_daemon || fail "the daemon is left over"
no_loop "$NAME" || fail "the loop device is left over"
[ ! -e "/run/holdfast/$NAME.conf" ] || fail "the configuration is left over"
say "the daemon killed under a loop device: errors, but a umount, and a mount again"
expect 0 mount -t holdfast "$URL" "$T/mnt"
kill -9 "$(cat "/run/holdfast/$NAME/lock")"
timeout 20 umount "$T/mnt" || fail "not unmounted"
! mounted "$T/mnt" || fail "mounted still"
expect 0 mount -t holdfast "$URL" "$T/mnt"
[ "$(md5sum <"$T/mnt/data")" = "$sum" ] || fail "the data is not there"
expect 0 umount "$T/mnt"
no_daemon || fail "a daemon is left over"

say "with a secret, which stays in its file"
tgt_new chap
tgt_lun chap 1 "$T/disk"
tgt_set chap --op new --mode account --user me --password a-good-secret
tgt_set chap --op bind --mode account --tid 1 --user me
end tgt KILL
tgt_start chap
expect 32 mount -t holdfast "$(tgt_url chap)" "$T/mnt"
says "giving up"
(umask 077 && echo a-good-secret >"$T/secret")
expect 0 mount -t holdfast "$(tgt_url chap)" "$T/mnt" -o "chap_user=me,chap_secret_file=$T/secret"
! grep -r a-good-secret /run/holdfast /proc/self/mountinfo /run/mount || fail "the secret is repeated"
expect 0 umount "$T/mnt"
end chap KILL
e2fsck -fn "$T/disk" >"$T/fsck" 2>&1 || fail "$(cat "$T/fsck")"
debugfs -R "dump data $T/out" "$T/disk" 2>/dev/null
[ "$(md5sum <"$T/out")" = "$sum" ] || fail "the data is not on the target"
