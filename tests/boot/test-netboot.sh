#!/bin/bash
# The folder of `holdfast netboot`, taken as it is: dnsmasq on a network of its own, the PXE of UEFI
# (or, netboot bios, of BIOS), iPXE, its script, the kernel, and the iBFT (of ACPI, or in low memory)
# that tells the initramfs where its root is.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/boot/ipxe.sh
. "$(dirname "$0")/ipxe.sh"

# The PXE that QEMU's cards have is iPXE already. It is taken for another one until it has fetched
# undionly.kpxe; that one then asks as iPXE, by the functions (UNDI) of the first.
bios_asks_twice() {
    sed '/option:root-path/d; s/^dhcp-userclass=set:ipxe,.*/dhcp-userclass=set:ipxe,nobody/' \
        "$T/netboot/dnsmasq.conf" >"$T/first.conf"
    lab_dnsmasq "$T/first.conf"
    lab_bios
    guest_qemu
    wait_until 120 grep -q 'sent .*/undionly.kpxe' "$T/dnsmasq.log" || fail "undionly.kpxe is not fetched"
    end dnsmasq TERM
    lab_dnsmasq "$T/netboot/dnsmasq.conf"
}

[ -f /usr/lib/ipxe/snponly.efi ] || skip "ipxe is not installed"
lab_start
truncate -s 64M "$T/disk"
mkdir "$T/tree"
echo "from the LUN" >"$T/tree/word"
mkfs.ext4 -q -F -L root -d "$T/tree" "$T/disk"
tgt_new tgt "$LAB_HOST"
tgt_lun tgt 1 "$T/disk"
tgt_start tgt

guest_module e1000 iscsi_ibft nbd ext4
guest_image "$T/initrd" "$BOOT/guest/boot.sh"
gzip -1 "$T/initrd"
install -m 0644 "$KERNEL" "$T/vmlinuz"
"$HOLDFAST" netboot "$(tgt_url tgt)" "$T/netboot" --mac "$LAB_MAC" --network "$LAB_HOST/24" \
    --kernel "$T/vmlinuz" --initrd "$T/initrd.gz" --append 'root=LABEL=root ro console=ttyS0 panic=-1'
if [ "${1-}" = bios ]; then
    bios_asks_twice
else
    lab_dnsmasq "$T/netboot/dnsmasq.conf"
    lab_uefi
    guest_qemu
fi
guest_ends 300
e2fsck -fn "$T/disk" >"$T/e2fsck.log" 2>&1 || fail "the file system is not clean"
[ "$(debugfs -R 'cat /word' "$T/disk" 2>/dev/null)" = "from the guest" ] ||
    fail "what the guest wrote is not on the LUN"
