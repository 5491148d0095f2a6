#!/bin/bash
# An installed machine with LUNs in its fstab: systemd starts the service and mounts; the target
# goes for a while; a device that somebody has open outlives its service; at the power-off file
# systems, daemons and network end in an order that loses nothing.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/boot/root.sh
. "$(dirname "$0")/root.sh"

mkdir "$T/tree"
tgt_new tgt
for i in 1 2; do
    echo "from LUN $i" >"$T/tree/word"
    truncate -s 64M "$T/lun$i"
    mkfs.ext4 -q -F -d "$T/tree" "$T/lun$i"
    tgt_lun tgt $i "$T/lun$i"
done
truncate -s 64M "$T/lun3"
tgt_lun tgt 3 "$T/lun3"
tgt_start tgt
URL=iscsi://$GUEST_HOST:${PORTAL[tgt]##*:}/$IQN

root_tree initramfs-tools
printf 'url = %s/1\nfuse = /run/data.lun\n' "$URL" >"$T/data.conf"
root_file "$T/data.conf" /etc/holdfast/data.conf
printf 'url = %s/3\ndevice = nbd\n' "$URL" >"$T/disk.conf"
root_file "$T/disk.conf" /etc/holdfast/disk.conf
cat >>"$ROOT/etc/fstab" <<END
holdfast:data /srv/data holdfast _netdev,nofail,x-systemd.automount 0 0
$URL/2 /srv/more holdfast _netdev,nofail,noatime 0 0
END
mkdir -p "$ROOT"/srv/{data,more}
root_script <"$BOOT/guest/service.sh"
root_initramfs
root_image "$T/disk" 1536M
guest_qemu -kernel "$KERNEL" -initrd "$T/initramfs" -drive "file=$T/disk,if=virtio,format=raw" \
    -append 'holdfast=no root=LABEL=root ro net.ifnames=0 console=ttyS0 panic=-1 no_timer_check'

guest_says 200 ' mounted$' || fail "the LUNs are not mounted"
end tgt KILL
guest_tell gone
sleep "$(long 30 10)"
tgt_start tgt
guest_tell back
guest_ends 120 120
end tgt KILL
for i in 1 2; do
    root_is_clean "$T/lun$i"
    [ "$(root_cat "$T/lun$i" /answer)" = "last answer" ] || fail "LUN $i lacks the last write"
done
