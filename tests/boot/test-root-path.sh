#!/bin/bash
# The root path of DHCP: dnsmasq with the configuration that `holdfast netboot` wrote, on a network
# of its own; initramfs-tools' ipconfig takes the lease, and a Debian comes up.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/boot/ipxe.sh
. "$(dirname "$0")/ipxe.sh"
# shellcheck source=tests/boot/root.sh
. "$(dirname "$0")/root.sh"

lab_start
root_tree initramfs-tools
sed '/^: >/,$d' "$BOOT/guest/ordeal.sh" >"$T/script"
cat >>"$T/script" <<'END'
wait_until 60 is_up || true
is_root_disk
grep -q "^$(ip -o -4 addr show eth0 | awk '{ print $4 }')" /root/expected || fail "another address"
END
root_script <"$T/script"
echo 10.77.0.128/24 >"$T/expected"
root_file "$T/expected" /root/expected
root_initramfs
root_image "$T/disk" 1536M
tgt_new tgt "$LAB_HOST"
tgt_lun tgt 1 "$T/disk"
tgt_start tgt
"$HOLDFAST" netboot "$(tgt_url tgt)" "$T/netboot" --mac "$LAB_MAC" --network "$LAB_HOST/24" \
    >"$T/netboot.log" 2>&1 || fail "holdfast netboot"
lab_dnsmasq "$T/netboot/dnsmasq.conf"
GUEST_NETWORK+=(-device "virtio-net-pci,netdev=net,mac=$LAB_MAC,romfile=")
guest_qemu -kernel "$KERNEL" -initrd "$T/initramfs" \
    -append 'holdfast=dhcp root=LABEL=root ro net.ifnames=0 console=ttyS0 panic=-1 no_timer_check'
guest_ends 300 120
root_is_clean "$T/disk"
[ "$(root_cat "$T/disk" /root/stopped)" = stopped ] || fail "the last write before the end is lost"
