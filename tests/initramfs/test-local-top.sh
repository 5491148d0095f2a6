#!/bin/bash
# initramfs-tools: from what `holdfast boot --network` says to an address, a disk and ROOT.
# shellcheck source=tests/initramfs/kit.sh
. "$(dirname "$0")/kit.sh"

cat >"$T/scripts/functions" <<'END'
configure_networking() { echo "configure_networking IP=$IP BOOTIF=$BOOTIF DEVICE=$DEVICE" >>"$T/calls"; }
wait_for_udev() { :; }
log_failure_msg() { echo "$*"; }
panic() { echo "panic $*" >>"$T/calls"; : >"$T/somebody-was-here"; }
END
fake modprobe </dev/null
fake sleep </dev/null
fake ip </dev/null
fake holdfast <<'END'
case "$*" in
*--network*) cat "$T/network" && [ ! -e "$T/unclear" ] ;;
*) [ ! -e "$T/no-disk" ] && echo /dev/nbd3 ;;
esac
END
moved initramfs-tools/local-top

# run NETWORK [ROOT]: with these lines of --network.
run() {
    : >"$T/calls"
    : >"$T/conf/param.conf"
    rm -rf "$T/run/holdfast"
    echo "$1" >"$T/network"
    echo "BOOT_IMAGE=x ${LINE-}" >"$T/proc/cmdline"
    env IP="" BOOTIF="" DEVICE="" ROOT="${2-}" panic="" sh "$T/script"
}

# busybox would run its own modprobe and ip: it may only read the script.
while read -r shell; do
    # shellcheck disable=SC2086 # "busybox sh" is two words
    $shell -n "$T/script"
done < <(shells)

# Nothing asks for us: nothing is touched.
run ""
not_called configure_networking
[ ! -e "$T/run/holdfast" ] || fail "a folder was made"

# The iBFT's address; ROOT only where nobody said another.
run "HOLDFAST_BOOT='yes'
HOLDFAST_BOOTIF='01-52-54-00-12-34-01'
HOLDFAST_IP='10.0.2.15::10.0.2.2:255.255.255.0:h::off:10.0.2.3'
HOLDFAST_DHCP='yes'"
called "configure_networking IP=10.0.2.15::10.0.2.2:255.255.255.0:h::off:10.0.2.3 BOOTIF=01-52-54-00-12-34-01 DEVICE="
called "modprobe -q nbd"
holds "$T/conf/param.conf" "export ROOT=/dev/nbd3"
[ -e "$T/run/holdfast/interface.dhcp" ] || fail "the lease was not noted"
run "HOLDFAST_BOOT='yes'" UUID=1
called "configure_networking IP= BOOTIF= DEVICE="
[ ! -s "$T/conf/param.conf" ] || fail "ROOT was changed"
run "HOLDFAST_BOOT='yes'" iscsi:h::::iqn.2026-11.test:a
holds "$T/conf/param.conf" "export ROOT=/dev/nbd3"

# A VLAN, and IPv6, on the NIC with that address.
mkdir -p "$T/sys/class/net/eth7"
echo 52:54:00:12:34:01 >"$T/sys/class/net/eth7/address"
run "HOLDFAST_BOOT='yes'
HOLDFAST_BOOTIF='01-52-54-00-12-34-01'
HOLDFAST_IP='10.0.2.15::10.0.2.2:255.255.255.0:::off:10.0.2.3'
HOLDFAST_VLAN='5'"
called "ip link add link eth7 name eth7.5 type vlan id 5"
called "configure_networking IP=10.0.2.15::10.0.2.2:255.255.255.0::eth7.5:off:10.0.2.3 BOOTIF= DEVICE=eth7.5"
run "HOLDFAST_BOOT='yes'
HOLDFAST_BOOTIF='01-52-54-00-12-34-01'
HOLDFAST_VLAN='5'"
called "configure_networking IP= BOOTIF= DEVICE=eth7.5"
run "HOLDFAST_BOOT='yes'
HOLDFAST_BOOTIF='01-52-54-00-12-34-01'
HOLDFAST_IP6='2001:db8::2/64'
HOLDFAST_GATEWAY6='2001:db8::1'"
called "ip -6 addr add 2001:db8::2/64 dev eth7 nodad"
called "ip -6 route add default via 2001:db8::1 dev eth7"
not_called configure_networking

# open-iscsi is in the image too: its words are its own.
: >"$T/scripts/local-top/iscsi"
LINE="iscsi_target_name=iqn.2026-11.test:a" run "HOLDFAST_BOOT='yes'"
not_called configure_networking
LINE="holdfast=ibft" run "HOLDFAST_BOOT='yes'"
called configure_networking
rm "$T/scripts/local-top/iscsi"

# No disk: a shell, and when somebody left that, another short look.
: >"$T/no-disk"
! run "HOLDFAST_BOOT='yes'" || fail "no disk, and no failure"
called "panic holdfast: there is no disk yet"
called "holdfast boot --timeout 5s"
rm "$T/no-disk"

# What to boot from is unclear: a shell at once, with the network only where it is known.
: >"$T/unclear"
: >"$T/no-disk"
! run "" || fail "nothing is clear, and no failure"
called "panic holdfast: what to boot from is unclear"
not_called configure_networking
run "HOLDFAST_BOOT='yes'
HOLDFAST_BOOTIF='01-52-54-00-12-34-01'
HOLDFAST_IP='10.0.2.15::10.0.2.2:255.255.255.0:::off'" || :
called "configure_networking IP=10.0.2.15"
called "panic holdfast: what to boot from is unclear"
rm "$T/no-disk"
run "" # somebody mended it there
called "holdfast boot --timeout 5s"
mkdir -p "$T/sys/block/nbd0" "$T/sys/block/nbd5"
echo holdfast:root:naa.6001 >"$T/sys/block/nbd5/backend"
run "" # ... by a URL: the disk that is there counts
not_called --timeout
holds "$T/conf/param.conf" "export ROOT=/dev/nbd5"
rm -r "$T/unclear" "$T/sys/block"

# A network that cannot be brought up ends its own shell, not the boot.
echo 'configure_networking() { . /nonexistent/net.conf; }' >>"$T/scripts/functions"
run "HOLDFAST_BOOT='yes'" 2>/dev/null
holds "$T/conf/param.conf" "export ROOT=/dev/nbd3"
