#!/bin/bash
# A block device of the kernel: attached, mounted, its daemon killed under load and the device taken
# up again, the LUN grown under the mount, detach refused while busy. The kernel sees no error.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"

truncate -s 64M "$T/disk"
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_start tgt
url=iscsi://$GUEST_HOST:${PORTAL[tgt]##*:}/$IQN/1

guest_module nbd ext4 crc32c_generic
guest_program mkfs.ext4 e2fsck resize2fs
# shellcheck disable=SC2119
guest_start <<END
network_up

# The module is the daemon's to load; the first device comes by the option.
hf_start $url --device nbd
wait_until 60 test -s /sys/block/nbd0/backend || fail "no device"
wait_until 60 grep -q 'now' /run/hf.log || fail "not told"
grep -q '^holdfast:t:' /sys/block/nbd0/backend || fail "the device says \$(cat /sys/block/nbd0/backend)"
[ "\$(cat /sys/block/nbd0/queue/io_timeout)" = 1000 ] || fail "io_timeout"
[ "\$(cat /sys/block/nbd0/queue/max_sectors_kb)" -le 1024 ] || fail "max_sectors_kb"
[ "\$(cat /sys/block/nbd0/queue/logical_block_size)" = 512 ] || fail "block size"
[ "\$(cat /sys/block/nbd0/queue/fua)" = 1 ] || fail "no FUA"
holdfast status t | grep -q '/dev/nbd0' || fail "status does not know the device"
say attached

# Detach and attach again, at a place of one's own.
holdfast detach t || fail "detach"
[ ! -e /sys/block/nbd0/pid ] || fail "still there after detach"
holdfast detach t && fail "detached what was not attached"
[ "\$(holdfast attach t /dev/nbd3)" = /dev/nbd3 ] || fail "attach"
[ "\$(holdfast attach t)" = /dev/nbd3 ] || fail "attach again"
holdfast attach t /dev/nbd4 && fail "attached twice"
holdfast attach t /dev/sda && fail "attached as sda"
modprobe crc32c_generic
modprobe ext4
mkfs.ext4 -q /dev/nbd3
mount -t ext4 /dev/nbd3 /mnt
say mounted

# Busy.
holdfast detach t 2>/run/why && fail "detached under a mount"
grep -q 'mounted on /mnt' /run/why || fail "why: \$(cat /run/why)"

# A load that notices every error: writes, syncs, reads back.
load() {
    n=0
    while [ ! -e /run/enough ]; do
        n=\$((n + 1))
        dd if=/dev/urandom of=/run/piece bs=64k count=8 2>/dev/null || return 1
        cp /run/piece /mnt/piece.\$((n % 8)) || return 1
        sync || return 1
        echo 3 >/proc/sys/vm/drop_caches
        cmp /run/piece /mnt/piece.\$((n % 8)) || return 1
        echo \$n >/run/rounds
    done
}
load &
LOAD=\$!
rounds() { cat /run/rounds; }
round_passed() { [ "\$(rounds)" -ge "\$1" ]; }
wait_until 60 test -s /run/rounds || fail "no load"
for again in 1 2 3; do
    kill -9 \$HF
    wait \$HF || true
    before=\$(rounds)
    sleep 2
    hf_start $url --device nbd
    wait_until 90 round_passed \$((before + 3)) || fail "the load does not go on after kill \$again"
    grep -q '/dev/nbd3 again' /run/hf.log || fail "not taken up again"
    kill -0 \$LOAD || fail "the load saw an error"
    say "killed \$again"
done

# Stopped while busy: left to the next daemon, and no error then either.
kill \$HF
wait \$HF || fail "stop ends with \$?"
grep -q 'left to the next daemon' /run/hf.log || fail "not left"
before=\$(rounds)
sleep 1
hf_start $url --device nbd
wait_until 90 round_passed \$((before + 3)) || fail "the load does not go on after the stop"
say stopped

# Growth, while the load goes on.
told grown
wait_until 90 grep -q 'has grown to' /run/hf.log || fail "no growth"
[ "\$(cat /sys/block/nbd3/size)" = 196608 ] || fail "size \$(cat /sys/block/nbd3/size)"
resize2fs /dev/nbd3 || fail "resize2fs"
before=\$(rounds)
wait_until 60 round_passed \$((before + 3)) || fail "the load does not go on after the growth"
touch /run/enough
wait \$LOAD || fail "the load saw an error"
[ "\$(df -k /mnt | awk 'END { print (\$2 > 80000) }')" = 1 ] || fail "the file system did not grow"
umount /mnt
e2fsck -fn /dev/nbd3 || fail "e2fsck"
say grown

# Nobody uses it: a stop detaches.
kill \$HF
wait \$HF || fail "stop ends with \$?"
[ ! -e /sys/block/nbd3/pid ] || fail "still there after the stop"
END
guest_says 200 ' stopped$' || fail "the guest does not come so far"
end tgt KILL
truncate -s 96M "$T/disk"
tgt_start tgt
guest_tell grown
guest_ends 120
