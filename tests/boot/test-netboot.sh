#!/bin/bash
# The folder of `holdfast netboot`, taken as it is: dnsmasq on a network of its own, UEFI's PXE,
# iPXE, its script, the kernel, and the iBFT that tells the initramfs where its root is.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/boot/ipxe.sh
. "$(dirname "$0")/ipxe.sh"

[ -f /usr/lib/ipxe/snponly.efi ] || skip "ipxe is not installed"
lab_start
truncate -s 64M "$T/disk"
mkfs.ext4 -q -F -L root "$T/disk"
tgt_new tgt "$LAB_HOST"
tgt_lun tgt 1 "$T/disk"
tgt_start tgt

guest_module iscsi_ibft nbd ext4
guest_image "$T/initrd" /dev/stdin <<END
modprobe iscsi_ibft
grep . /sys/firmware/ibft/*/*
END
gzip -1 "$T/initrd"
install -m 0644 "$KERNEL" "$T/vmlinuz"
"$HOLDFAST" netboot "$(tgt_url tgt)" "$T/netboot" --mac "$LAB_MAC" --network "$LAB_HOST/24" \
    --kernel "$T/vmlinuz" --initrd "$T/initrd.gz" --append 'root=LABEL=root ro console=ttyS0 panic=-1'
lab_dnsmasq "$T/netboot/dnsmasq.conf"
lab_uefi
guest_qemu
guest_ends 150
