#!/bin/bash
# What can be wrong with a block device of the kernel: open or mounted somewhere, its daemon stopped
# while the target is away, another LUN under its name, somebody else's device, no right.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"

truncate -s 64M "$T/disk" "$T/other" "$T/ring"
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_lun tgt 2 "$T/other"
tgt_start tgt
url=iscsi://$GUEST_HOST:${PORTAL[tgt]##*:}/$IQN

guest_module nbd ext4 crc32c_generic virtio_blk
guest_program mkfs.ext4 setpriv
guest_start -drive "file=$T/ring,if=none,id=ring,format=raw" -device virtio-blk-pci,drive=ring <<END
network_up
modprobe virtio_blk
modprobe crc32c_generic
modprobe ext4

# refused WORDS COMMAND...
refused() {
    words=\$1
    shift
    "\$@" 2>/run/why && fail "\$* was not refused"
    grep -q "\$words" /run/why || fail "\$*: \$(cat /run/why)"
}
refused 'needs root' /usr/bin/setpriv --reuid 65534 holdfast serve $url/1 --device nbd --run-dir /tmp/x

# Partitions are found when the device is new; one that is mounted keeps it.
hf_start $url/1 --device nbd -o stop_timeout=4s
wait_until 60 grep -q 'disk is /dev/nbd0 now' /run/hf.log || fail "no device"
printf 'n\np\n1\n\n\nw\n' | fdisk /dev/nbd0 >/dev/null
holdfast detach t || fail "detach"
holdfast attach t >/dev/null || fail "attach"
wait_until 60 test -b /dev/nbd0p1 || fail "no partition"
mkfs.ext4 -q /dev/nbd0p1
mount -t ext4 /dev/nbd0p1 /mnt
refused 'mounted on /mnt' holdfast detach t
say partitions

# Somebody has it open: named, and only by force.
umount /mnt
exec 9</dev/nbd0p1
refused 'open in process .*(sh)' holdfast detach t
exec 9<&-
holdfast attach t >/dev/null || fail "it is gone"
mount -t ext4 /dev/nbd0p1 /mnt
say open

# Another daemon wants the same device; another LUN comes under the same name.
refused 'in use by another program' holdfast serve $url/2 --name u --device /dev/nbd0
kill -9 \$HF
wait \$HF || true
hf_start $url/2 --device nbd -o stop_timeout=4s
wait_until 60 grep -q 'shows another disk' /run/hf.log || fail "another disk was not refused"
[ ! -e /sys/block/nbd1/pid ] || fail "another device was attached"
kill \$HF
wait \$HF || true
hf_start $url/1 --device nbd -o stop_timeout=4s
wait_until 60 grep -q 'disk is /dev/nbd0 again' /run/hf.log || fail "not taken up again"
dd if=/dev/urandom of=/run/piece bs=64k count=8 2>/dev/null
say "other disk"

# Stopped while the target is away: no answer is better than an error.
told away
{
    cp /run/piece /mnt/piece
    sync
    touch /run/synced
} &
WRITER=\$!
sleep 1
kill \$HF
wait \$HF && fail "a stop without the target ends well"
grep -q 'left to the next daemon' /run/hf.log || fail "not left"
[ ! -e /run/synced ] || fail "synced without a target"
hf_start $url/1 --device nbd -o stop_timeout=4s
say "waiting"
wait_until 60 test -e /run/synced || fail "the write does not end"
wait \$WRITER || fail "the writer saw an error"
echo 3 >/proc/sys/vm/drop_caches
cmp /run/piece /mnt/piece || fail "wrong data"
umount /mnt

# With a journal: writes go on while the target is away, also through the death of the daemon.
kill \$HF
wait \$HF || fail "stop ends with \$?"
hf_start $url/1 --device nbd --journal /dev/vda -o stop_timeout=4s
wait_until 60 grep -q 'disk is /dev/nbd0 now' /run/hf.log || fail "no device with a journal"
wait_until 60 test -b /dev/nbd0p1 || fail "no partition with a journal"
mount -t ext4 /dev/nbd0p1 /mnt
cp /run/piece /mnt/before
sync
say mounted
told offline
cp /run/piece /mnt/piece.1
sync
kill -9 \$HF
wait \$HF || true
hf_start $url/1 --device nbd --journal /dev/vda -o stop_timeout=4s
wait_until 60 grep -q 'disk is /dev/nbd0 again' /run/hf.log || fail "not again from the journal"
cp /run/piece /mnt/piece.2
sync
say journalled
told online
umount /mnt
wait_until 60 holdfast drain t || fail "drain"
mount -t ext4 /dev/nbd0p1 /mnt
cmp /run/piece /mnt/piece.1 || fail "wrong data"
cmp /run/piece /mnt/piece.2 || fail "wrong data"
umount /mnt

# By force, whatever has it open.
exec 9</dev/nbd0
holdfast detach t --force || fail "force"
exec 9<&-
wait_until 60 test ! -e /sys/block/nbd0/pid || fail "still there"
kill \$HF
wait \$HF || fail "stop ends with \$?"

# By force also while the target is away: who waits for it gets an error at last.
hf_start $url/1 --device nbd -o stop_timeout=4s
wait_until 60 grep -q 'disk is /dev/nbd0 now' /run/hf.log || fail "no device for the last part"
say forcing
told gone
{
    status=0
    dd if=/run/piece of=/dev/nbd0 bs=64k conv=fsync 2>/dev/null || status=\$?
    echo \$status >/run/status
} &
WRITER=\$!
sleep 1
holdfast detach t --force || fail "force without a target"
wait_until 60 test ! -e /sys/block/nbd0/pid || fail "still there without a target"
wait_until 60 test -s /run/status || fail "the writer still waits"
wait \$WRITER
[ "\$(cat /run/status)" != 0 ] || fail "the writer was told that all is well"
kill \$HF
wait \$HF || true
END
guest_says 200 ' other disk$' || fail "the guest does not come so far"
end tgt KILL
guest_tell away
guest_says 120 ' waiting$' || fail "the guest does not wait"
tgt_start tgt
guest_says 120 ' mounted$' || fail "the guest does not mount"
end tgt KILL
guest_tell offline
guest_says 120 ' journalled$' || fail "writes do not go on with a journal"
tgt_start tgt
guest_tell online
guest_says 120 ' forcing$' || fail "the guest does not come to the last part"
guest_no_io_error
GUEST_ERRORS='rror,? .*dev nbd0, (sector|logical block)' # from here on: that is what --force means
end tgt KILL
guest_tell gone
guest_ends 120
