#!/bin/bash
# A Debian whose root is on a LUN, by initramfs-tools: BIOS, iPXE, mutual CHAP from the iBFT; the
# target goes for 30 s, the daemon is killed, packages are installed, and the power-off is clean.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/boot/ipxe.sh
. "$(dirname "$0")/ipxe.sh"
# shellcheck source=tests/boot/root.sh
. "$(dirname "$0")/root.sh"

root_tree initramfs-tools
root_script <"$BOOT/guest/ordeal.sh"
root_initramfs
root_image "$T/disk" 1536M
chap_target "$T/disk"
ipxe_files "$KERNEL" "$T/initramfs" 'holdfast=ibft root=LABEL=root ro net.ifnames=0'
ipxe_network
ipxe_bios
guest_qemu
root_ordeal "$T/disk"
