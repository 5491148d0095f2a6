#!/bin/bash
# The root disk: served from an initramfs by a supervised daemon, whose files are deleted when the
# root on that disk takes over. Its worker is killed again and again under the running root, and the
# target is away meanwhile; nobody sees an error, and nothing had to be read to start it again.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"

truncate -s 64M "$T/disk"
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_start tgt
url=iscsi://$GUEST_HOST:${PORTAL[tgt]##*:}/$IQN/1

# What runs in the real root: busybox and this.
cat >"$T/rooted" <<'END'
. /inside.sh
worker() { tr -d '\n' </run/holdfast/t/lock; }
is_another() { [ -n "$(worker)" ] && [ "$(worker)" != "$1" ]; }
use_disk() {
    dd if=/dev/urandom of=/run/piece bs=64k count=8 2>/dev/null
    cp /run/piece "/piece.$1"
    sync
    echo 3 >/proc/sys/vm/drop_caches
    cmp /run/piece "/piece.$1"
    touch "/run/used.$1"
}
for again in 1 2 3 4; do
    use_disk "$again" &
    LOAD=$!
    before=$(worker)
    kill -9 "$before"
    echo 3 >/proc/sys/vm/drop_caches
    wait_until 60 is_another "$before" || fail "no other worker after kill $again"
    [ -d "/proc/$1" ] || fail "the supervisor is gone"
    wait_until 60 test -e "/run/used.$again" || fail "the root hangs after kill $again"
    wait $LOAD || fail "the root saw an error after kill $again"
    say "killed $again"
done
told away
before=$(worker)
use_disk 5 &
LOAD=$!
sleep 1
kill -9 "$before"
say "waiting"
wait_until 60 test -e /run/used.5 || fail "the root hangs after the outage"
wait $LOAD || fail "the root saw an error after the outage"
sync
mount -o remount,ro /
say "read-only"
END

guest_module nbd ext4 crc32c_generic
guest_program mkfs.ext4
guest_file "$T/rooted" /rooted
# shellcheck disable=SC2119
guest_start <<END
network_up
modprobe crc32c_generic
modprobe ext4
hf_start $url --device nbd --supervise --root
wait_until 60 test -s /sys/block/nbd0/backend || fail "no device"
wait_until 60 grep -q 'disk is /dev/nbd0 now' /run/hf.log || fail "not told"
worker=\$(cat /run/holdfast/t/lock)
[ "\$worker" != \$HF ] || fail "no supervisor"
for pid in \$HF \$worker; do
    [ "\$(head -c 1 /proc/\$pid/cmdline)" = @ ] || fail "\$pid has no @"
    [ "\$(cat /proc/\$pid/oom_score_adj)" = -1000 ] || fail "\$pid may be killed for memory"
    awk '\$1 == "VmLck:" && \$2 > 0 { found = 1 } END { exit !found }' /proc/\$pid/status ||
        fail "\$pid is not locked"
    [ "\$(ls /proc/\$pid/root/ | tr '\n' ' ')" = "dev proc run sys " ] || fail "\$pid sees more"
done
[ "\$(ls /proc/\$HF/fd | wc -l)" = 3 ] || fail "the supervisor holds \$(ls -l /proc/\$HF/fd)"

mkfs.ext4 -q /dev/nbd0
mount -t ext4 /dev/nbd0 /mnt
mkdir -p /mnt/usr/bin /mnt/dev /mnt/proc /mnt/run /mnt/sys
cp /usr/bin/busybox /mnt/usr/bin/busybox
chroot /mnt /usr/bin/busybox --install -s /usr/bin
cp /inside.sh /rooted /mnt/
for folder in dev proc run sys; do mount --move /\$folder /mnt/\$folder; done
# As run-init does; what is left is for the end of this guest.
rm -rf /usr/sbin /usr/lib /usr/lib64 /lib64 /lib /sbin /etc /tmp /dev /proc /run /sys
cd /mnt
mount --move . /
say "changing root"
chroot . /usr/bin/sh -eu /rooted \$HF || exit 1
END
guest_says 200 ' killed 4$' || fail "the guest does not come so far"
end tgt KILL
guest_tell away
guest_says 90 ' waiting$' || fail "the guest does not wait"
sleep 3
tgt_start tgt
guest_ends 120
end tgt KILL
e2fsck -fn "$T/disk" || fail "the file system on the LUN is damaged"
