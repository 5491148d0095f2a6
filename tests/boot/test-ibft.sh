#!/bin/bash
# A machine without a disk, by BIOS or (argument: uefi) by UEFI: iPXE logs in with mutual CHAP, and
# all that the initramfs knows is in the iBFT. The LUN becomes /dev/nbd0, and the root on it is
# mounted.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/boot/ipxe.sh
. "$(dirname "$0")/ipxe.sh"

truncate -s 64M "$T/disk"
mkdir "$T/tree"
echo "from the LUN" >"$T/tree/word"
mkfs.ext4 -q -F -L root -d "$T/tree" "$T/disk"
chap_target "$T/disk"

guest_module e1000 iscsi_ibft nbd ext4 crc32c_generic
ipxe_start "${1:-bios}" 'holdfast=ibft' <"$BOOT/guest/boot.sh"
guest_ends 200
e2fsck -fn "$T/disk" >"$T/e2fsck.log" 2>&1 || fail "the file system is not clean"
[ "$(debugfs -R 'cat /word' "$T/disk" 2>/dev/null)" = "from the guest" ] ||
    fail "what the guest wrote is not on the LUN"
