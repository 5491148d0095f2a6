#!/bin/bash
# The folder of `holdfast netboot`, taken as it is: dnsmasq on a network of its own, UEFI's PXE,
# iPXE, its script, the kernel, and the iBFT (of ACPI) that tells the initramfs where its root is.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/boot/ipxe.sh
. "$(dirname "$0")/ipxe.sh"

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
lab_dnsmasq "$T/netboot/dnsmasq.conf"
lab_uefi
guest_qemu
guest_ends 300
e2fsck -fn "$T/disk" >"$T/e2fsck.log" 2>&1 || fail "the file system is not clean"
[ "$(debugfs -R 'cat /word' "$T/disk" 2>/dev/null)" = "from the guest" ] ||
    fail "what the guest wrote is not on the LUN"
