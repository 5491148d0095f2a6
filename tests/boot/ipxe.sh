# shellcheck shell=bash
# Booting a guest as a machine without a disk does: QEMU's iPXE logs in to the target, leaves the
# iBFT, and fetches kernel and initramfs by TFTP. Sourced after guest.sh.

TFTP=$T/tftp
OVMF=/usr/share/OVMF
INITIATOR=iqn.2026-11.test.holdfast:diskless

# chap_target FILE: a tgt that wants CHAP and gives it back.
chap_target() {
    tgt_new tgt
    tgt_lun tgt 1 "$1"
    tgt_set tgt --op new --mode account --user we --password secretsecret12
    tgt_set tgt --op bind --mode account --tid 1 --user we
    tgt_set tgt --op new --mode account --user they --password targetsecret12
    tgt_set tgt --op bind --mode account --tid 1 --user they --outgoing
    tgt_start tgt
}

# ipxe_files KERNEL INITRAMFS ARGUMENTS: what TFTP serves. iPXE keeps the LUN for the kernel; the
# root path is RFC 4173's.
ipxe_files() {
    mkdir -p "$TFTP"
    cp "$1" "$TFTP/vmlinuz"
    cp "$2" "$TFTP/initrd"
    cat >"$TFTP/boot.ipxe" <<END
#!ipxe
set initiator-iqn $INITIATOR
set username we
set password secretsecret12
set reverse-username they
set reverse-password targetsecret12
sanhook iscsi:$GUEST_HOST::${PORTAL[tgt]##*:}:1:$IQN || exit 1
kernel vmlinuz initrd=initrd console=ttyS0 panic=-1 $3
initrd initrd
boot
END
}

# QEMU's own network, with its DHCP and TFTP.
ipxe_network() {
    GUEST_NETWORK=(-netdev "user,id=net,tftp=$TFTP,bootfile=boot.ipxe")
}

ipxe_bios() { GUEST_NETWORK+=(-device 'e1000,netdev=net' -boot n); }

ipxe_uefi() {
    ipxe_firmware
    GUEST_NETWORK+=(-device 'virtio-net-pci,netdev=net')
}

ipxe_firmware() {
    [ -f "$OVMF/OVMF_CODE_4M.fd" ] || skip "ovmf is not installed"
    cp "$OVMF/OVMF_VARS_4M.fd" "$T/vars.fd"
    GUEST_MACHINE+=(-drive "if=pflash,format=raw,readonly=on,file=$OVMF/OVMF_CODE_4M.fd"
        -drive "if=pflash,format=raw,file=$T/vars.fd")
}

# ipxe_start bios|uefi [ARGUMENTS] <SCRIPT: the busybox guest, from the network.
ipxe_start() {
    cat >"$T/script"
    guest_image "$T/guest.cpio" "$T/script"
    gzip -1 "$T/guest.cpio"
    ipxe_files "$KERNEL" "$T/guest.cpio.gz" "${2-}"
    ipxe_network
    "ipxe_$1"
    guest_qemu
}

# --- A network of its own, with DHCP and TFTP by dnsmasq: $LAB_HOST is the boot server and target,
# the guest's card has the address $LAB_MAC.
LAB_HOST=10.77.0.1
LAB_MAC=52:54:00:77:00:02

lab_start() {
    local i
    need_root
    need ip nsenter dnsmasq
    [ -c /dev/net/tun ] || skip "needs /dev/net/tun"
    LAB=hf-$$-lab
    ip netns add "$LAB" 2>/dev/null || skip "no network namespaces here"
    on_exit "ip netns del $LAB"
    ip -n "$LAB" tuntap add tap0 mode tap || skip "no tap devices here"
    ip -n "$LAB" addr add $LAB_HOST/24 dev tap0
    ip -n "$LAB" addr add fd00:77::1/64 dev tap0 nodad
    ip -n "$LAB" link set tap0 up
    ip -n "$LAB" link set lo up
    for i in tgt qemu dnsmasq; do
        # shellcheck disable=SC2034 # of functions.sh
        PREFIX["$i"]="nsenter --net=/run/netns/$LAB"
    done
    GUEST_NETWORK=(-netdev 'tap,id=net,ifname=tap0,script=no,downscript=no')
}

# lab_dnsmasq FILE: as `holdfast netboot` wrote it, but for the leases and the user.
lab_dnsmasq() {
    sed "s,^dhcp-leasefile=.*,dhcp-leasefile=$T/leases," "$1" >"$T/dnsmasq.conf"
    spawn dnsmasq dnsmasq --keep-in-foreground --log-dhcp --log-facility=- --user=root \
        --pid-file="$T/dnsmasq.pid" --conf-file="$T/dnsmasq.conf"
    wait_until 5 grep -q 'started' "$T/dnsmasq.log" || fail "dnsmasq does not start"
}

# The card's ROM: QEMU's is iPXE.
lab_bios() { GUEST_NETWORK+=(-device "e1000,netdev=net,mac=$LAB_MAC" -boot n); }

# The firmware's own PXE, which has to fetch iPXE first.
lab_uefi() {
    ipxe_firmware
    GUEST_NETWORK+=(-device "virtio-net-pci,netdev=net,mac=$LAB_MAC,romfile=")
}
