#!/bin/bash
# A Debian on a network of its own, whose dnsmasq has the configuration that `holdfast netboot` wrote.
# The LUN is that of DHCP's root path, asked for by initramfs-tools' ipconfig or by systemd-networkd
# in dracut's initramfs; or (dracut-ibft) iPXE has it from there, and hands it on with the network.
# With dracut-nm and dracut-nm-ibft it is NetworkManager that brings up the network there.
# Or (dracut-ipv6) the command line names it, by an address of IPv6, and a router gives out those.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/boot/ipxe.sh
. "$(dirname "$0")/ipxe.sh"
# shellcheck source=tests/boot/root.sh
. "$(dirname "$0")/root.sh"

WAY=${1-initramfs-tools}
TARGET_HOST=$LAB_HOST
ARGUMENTS='root=LABEL=root ro net.ifnames=0 console=ttyS0 panic=-1 no_timer_check rd.shell=0'
lab_start
case $WAY in
dracut-nm*) root_tree dracut-nm ;;
dracut*) root_tree dracut ;;
*) root_tree "$WAY" ;;
esac
sed '/^: >/,$d' "$BOOT/guest/ordeal.sh" >"$T/script"
cat >>"$T/script" <<'END'
wait_until 60 is_up || true
is_root_disk
END
if [ "$WAY" = dracut-ipv6 ]; then
    TARGET_HOST="[fd00:77::1]"
    echo 'ip -6 addr show eth0 | grep "inet6 fd00:77::" || fail "no address"' >>"$T/script"
else
    cat >>"$T/script" <<'END'
[ "$(ip -o -4 addr show eth0 | awk '{ print $4 }')" = 10.77.0.128/24 ] || fail "another address"
ip -o -4 addr show eth0 | grep -q 'valid_lft forever' || fail "the address would end with its lease"
END
fi
root_script <"$T/script"
root_initramfs
root_image "$T/disk" 1536M
tgt_new tgt "$TARGET_HOST"
tgt_lun tgt 1 "$T/disk"
tgt_start tgt
install -m 0644 "$KERNEL" "$T/vmlinuz"
chmod 0644 "$T/initramfs"
"$HOLDFAST" netboot "$(tgt_url tgt)" "$T/netboot" --mac "$LAB_MAC" --network "$LAB_HOST/24" \
    --kernel "$T/vmlinuz" --initrd "$T/initramfs" --append "$ARGUMENTS" \
    >"$T/netboot.log" 2>&1 || fail "holdfast netboot"
# As other servers have them: leases that end.
sed -i 's/infinite$/12h/' "$T/netboot/dnsmasq.conf"
printf 'enable-ra\ndhcp-range=fd00:77::,ra-only\n' >>"$T/netboot/dnsmasq.conf"
lab_dnsmasq "$T/netboot/dnsmasq.conf"
if [ "$WAY" != "${WAY%-ibft}" ]; then
    lab_bios
    guest_qemu
else
    asked=dhcp
    [ "$WAY" != dracut-ipv6 ] || asked=$(tgt_url tgt)
    GUEST_NETWORK+=(-device "virtio-net-pci,netdev=net,mac=$LAB_MAC,romfile=")
    guest_qemu -kernel "$KERNEL" -initrd "$T/initramfs" -append "holdfast=$asked $ARGUMENTS"
fi
guest_ends 400 120
root_is_clean "$T/disk"
[ "$(root_cat "$T/disk" /root/stopped)" = stopped ] || fail "the last write before the end is lost"
