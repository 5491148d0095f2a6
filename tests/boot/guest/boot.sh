# shellcheck shell=sh
# What an initramfs does, without any kit: the network as the iBFT has it, `holdfast boot`, the root.
holdfast boot --network >/run/network
cat /run/network
. /run/network
[ "$HOLDFAST_BOOT" = yes ] || fail "nothing asks for a boot"
holdfast boot --print >/run/print
cat /run/print
! grep secretsecret /run/print || fail "a secret is shown"

# What klibc's ipconfig does with the line, for an address without a name server.
modprobe -a e1000 virtio_pci virtio_net
ip link set lo up
ip link set eth0 up
IFS=: read -r address _ gateway mask _ <<END
$HOLDFAST_IP
END
ip addr add "$address/$mask" dev eth0
[ -z "$gateway" ] || ip route add default via "$gateway"

modprobe nbd
modprobe -a crc32c_generic ext4
node=$(holdfast boot --timeout 60s) || fail "no disk"
[ "$node" = /dev/nbd0 ] || fail "the disk is '$node'"
[ -z "$(find /run/holdfast -type f -perm -004 -exec grep -l secret {} +)" ] || fail "a secret is shown to everybody"
[ ! -e /sys/firmware/ibft ] || fail "iscsi_ibft is loaded: it shows the secret to everybody"
mount -t ext4 "$node" /mnt
[ "$(cat /mnt/word)" = "from the LUN" ] || fail "this is another disk"
echo "from the guest" >/mnt/word
umount /mnt
holdfast stop root
[ "$(cat /sys/block/nbd0/size)" = 0 ] || fail "the kernel still has the disk"
