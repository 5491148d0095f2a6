#!/bin/bash
# A Debian whose root is on a LUN, by dracut: the LUN and its secrets are in the image's boot.conf.
# The same is asked of it as of initramfs-tools' (test-root-initramfs-tools.sh), and the way back to
# the initramfs at the end.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"
# shellcheck source=tests/boot/ipxe.sh
. "$(dirname "$0")/ipxe.sh"
# shellcheck source=tests/boot/root.sh
. "$(dirname "$0")/root.sh"

truncate -s 1536M "$T/disk"
chap_target "$T/disk"
root_tree dracut
(umask 077 && printf 'secretsecret12\n' >"$T/ours" && printf 'targetsecret12\n' >"$T/theirs")
root_file "$T/ours" /etc/holdfast/ours.secret 0600
root_file "$T/theirs" /etc/holdfast/theirs.secret 0600
cat >"$T/boot.conf" <<END
url = iscsi://$GUEST_HOST:${PORTAL[tgt]##*:}/$IQN/1
initiator = $INITIATOR
chap_user = we
chap_secret_file = /etc/holdfast/ours.secret
mutual_chap_user = they
mutual_chap_secret_file = /etc/holdfast/theirs.secret
END
root_file "$T/boot.conf" /etc/holdfast/boot.conf
root_script <"$BOOT/guest/ordeal.sh"
root_initramfs
root_image "$T/disk" 1536M
guest_qemu -kernel "$KERNEL" -initrd "$T/initramfs" \
    -append 'root=LABEL=root ro ip=dhcp net.ifnames=0 console=ttyS0 panic=-1 no_timer_check rd.shell=0'
root_ordeal "$T/disk"
grep -q 'last flush of' "$T/console.log" || fail "the shutdown did not go by dracut's initramfs"
