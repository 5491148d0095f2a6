#!/bin/bash
# dracut: the hooks, with dracut's helpers written down.
# shellcheck source=tests/initramfs/kit.sh
. "$(dirname "$0")/kit.sh"

mkdir -p "$T/etc/cmdline.d" "$T/hooks/initqueue/finished"
cat >"$T/lib.sh" <<'END'
die() { echo "die $*" >>"$T/calls"; exit 1; }
warn() { echo "warn $*" >>"$T/calls"; }
info() { echo "info $*" >>"$T/calls"; }
need_shutdown() { echo need_shutdown >>"$T/calls"; }
getargs() { for word in $LINE; do case $word in "$1"*) echo "${word#"$1"}" ;; esac; done; }
getarg() { getargs "$@" | tail -n 1; }
hookdir=$T/hooks
END
fake initqueue </dev/null
mkdir -p "$T/sbin" && cp "$T/bin/initqueue" "$T/sbin/initqueue"
fake modprobe </dev/null
fake ip <<'END'
case "$*" in
*dynamic) [ ! -e "$T/lease" ] || echo '2: eth0    inet 10.0.2.15/24 scope global dynamic eth0\ valid_lft 9sec' ;;
*-6*) printf '::1 dev lo\nfe80::/64 dev eth0\n%s' "$(cat "$T/six" 2>/dev/null)" ;;
*route*) [ ! -e "$T/network-is-up" ] || echo default via 10.0.2.2 ;;
esac
END
fake holdfast <<'END'
case "$*" in
*--network*) cat "$T/network" ;;
*--no-wait*) [ -e "$T/lun-is-known" ] ;;
esac
END

# source_hook FILE [WORD...]: as dracut does; prints root= as it is afterwards.
source_hook() {
    moved "dracut/$1"
    sh -c '. "$T/lib.sh"; root=$ROOT; . "$T/script"; echo "$root"'
}

# The command line: who asks, and by which network.
export LINE="" ROOT=block:/dev/nbd0
: >"$T/network"
[ "$(source_hook parse-holdfast.sh)" = block:/dev/nbd0 ] || fail "root was changed"
not_called initqueue
export LINE="holdfast=ibft"
printf "HOLDFAST_BOOT='yes'\nHOLDFAST_BOOTIF='01-52'\nHOLDFAST_IP='1'\nHOLDFAST_DHCP='yes'\n" >"$T/network"
[ "$(source_hook parse-holdfast.sh)" = block:/dev/nbd0 ] || fail "root was changed"
called "initqueue --settled --unique --name holdfast /sbin/holdfastroot"
holds "$T/etc/cmdline.d/40-holdfast.conf" "ip=ibft"
holds "$T/etc/cmdline.d/40-holdfast.conf" "rd.neednet=1"
called "modprobe -b -q iscsi_ibft"
holds "$T/hooks/initqueue/finished/holdfast.sh" "holdfast:"
[ -e "$T/run/holdfast/interface.dhcp" ] || fail "the lease was not noted"
export LINE="holdfast=ibft ip=eth0:dhcp" ROOT=""
[ "$(source_hook parse-holdfast.sh)" = block:/dev/holdfast/root ] || fail "no root was given"
! grep -q ip= "$T/etc/cmdline.d/40-holdfast.conf" || fail "ip= was given again"
printf "HOLDFAST_BOOT='yes'\nHOLDFAST_NAME='disk7'\n" >"$T/network"
[ "$(source_hook parse-holdfast.sh)" = block:/dev/holdfast/disk7 ] || fail "not root= by its name"

# systemd-networkd, which reads nothing of that, is told.
mkdir -p "$T/lib/systemd" "$T/lib/holdfast"
: >"$T/lib/systemd/systemd-networkd"
cp "$KIT/dracut/holdfast-networkd.sh" "$T/lib/holdfast/networkd"
chmod +x "$T/lib/holdfast/networkd"
NETWORKD=$T/run/systemd/network

# networkd_is FILE <<END: what it was told, all of it.
networkd_is() { diff -u "$T/expected" "$NETWORKD/$1" || fail "networkd: $1"; }
told_networkd() {
    rm -rf "$NETWORKD" "$T/expected"
    printf "HOLDFAST_BOOT='yes'\n%s" "$2" >"$T/network"
    LINE=$1 source_hook parse-holdfast.sh >/dev/null
    cat >"$T/expected"
}

told_networkd "holdfast=dhcp" "" <<'END'
[Match]
Type=ether
Kind=!*

[Network]
KeepConfiguration=yes
DHCP=ipv4

[DHCPv4]
ClientIdentifier=mac
RequestOptions=17
END
networkd_is 05-holdfast.network
STATIC="HOLDFAST_BOOTIF='01-52-54-00-12-34-05'
HOLDFAST_IP='10.0.2.15::10.0.2.2:255.255.254.0:host::off:10.0.2.3'
"
for LINE in holdfast=ibft "holdfast=ibft ip=ibft"; do
    told_networkd "$LINE" "$STATIC" <<'END'
[Match]
Type=ether
Kind=!*
MACAddress=52:54:00:12:34:05

[Network]
KeepConfiguration=yes
Address=10.0.2.15/23
Gateway=10.0.2.2
END
    networkd_is 05-holdfast.network
done
told_networkd "holdfast=ibft" "HOLDFAST_BOOTIF='01-52-54-00-12-34-05'
HOLDFAST_IP6='2001:db8::2/64'
HOLDFAST_GATEWAY6='2001:db8::1'
HOLDFAST_VLAN='5'
" <<'END'
[Match]
Name=vlan5

[Network]
KeepConfiguration=yes
Address=2001:db8::2/64
Gateway=2001:db8::1
END
networkd_is 05-holdfast-vlan.network
holds "$NETWORKD/05-holdfast.network" "VLAN=vlan5"
holds "$NETWORKD/05-holdfast-vlan.netdev" "Id=5"
# What a person says about the network counts; it is only asked for more.
for LINE in "ip=dhcp:71-default" "ip=eth0:dhcp:70-eth0" "ip=::::host:ens1:dhcp:70-ens1"; do
    told_networkd "holdfast=dhcp ${LINE%:*}" "" <<'END'
[Network]
KeepConfiguration=yes

[DHCPv4]
ClientIdentifier=mac
RequestOptions=17
END
    networkd_is "${LINE##*:}.network.d/holdfast.conf"
    [ ! -e "$NETWORKD/05-holdfast.network" ] || fail "$LINE does not count"
done
rm -r "$T/lib/systemd"

# 95iscsi in the same image keeps its own words.
: >"$T/calls"
: >"$T/sbin/iscsiroot"
export LINE="netroot=iscsi:h::::iqn.2026-11.test:a"
source_hook parse-holdfast.sh >/dev/null
not_called initqueue
export LINE="netroot=holdfast:ibft"
source_hook parse-holdfast.sh >/dev/null
called initqueue

# The queue: not before there is a network, again until the LUN is known, then never again.
moved dracut/holdfastroot.sh
cp "$T/lib.sh" "$T/lib-of-dracut.sh"
sed -i "s#^type need_shutdown.*#. \"\$T/lib.sh\"#; s#/sys/block#$T/sys/block#" "$T/script"
: >"$T/calls"
sh "$T/script"
not_called --no-wait
echo '2001:db8::/64 dev eth0' >"$T/six"
sh "$T/script"
called "holdfast boot --no-wait"
rm "$T/six"
: >"$T/calls"
: >"$T/network-is-up"
sh "$T/script"
called "holdfast boot --no-wait"
not_called need_shutdown
: >"$T/lun-is-known"
sh "$T/script"
called need_shutdown
: >"$T/calls"
sh "$T/script"
not_called --no-wait

# The card in the real root: its lease does not end, and is renewed where networkd runs.
cat >"$T/lib/holdfast/protect-nic" <<'END'
#!/bin/sh
echo "protect-nic $*" >>"$T/calls"
END
chmod +x "$T/lib/holdfast/protect-nic"
mkdir -p "$T/sys/class/net/eth0" "$NETWORKD"
echo 2 >"$T/sys/class/net/eth0/ifindex"
echo "eth0 52:54:00:12:34:05" >"$T/run/holdfast/interface"
: >"$NETWORKD/05-holdfast.network"
rm "$T/run/holdfast/interface.dhcp"
source_hook holdfast-pre-pivot.sh >/dev/null
called "protect-nic $T/run"
not_called "ip addr change"
[ ! -e "$T/run/holdfast/interface.dhcp" ] || fail "a lease that is none"
[ ! -e "$NETWORKD/05-holdfast.network" ] || fail "networkd of the real root would take all cards"
mkdir -p "$T/run/systemd/netif/leases" && : >"$T/run/systemd/netif/leases/2"
source_hook holdfast-pre-pivot.sh >/dev/null
[ -e "$T/run/holdfast/interface.dhcp" ] || fail "networkd's lease was not noted"
rm -r "$T/run/systemd/netif" "$T/run/holdfast/interface.dhcp"
: >"$T/lease"
source_hook holdfast-pre-pivot.sh >/dev/null
called "ip addr change 10.0.2.15/24 dev eth0 valid_lft forever preferred_lft forever"
[ -e "$T/run/holdfast/interface.dhcp" ] || fail "dhclient's lease was not noted"

# The way back at the end: flush, then stop, of the run directory that moved.
mkdir -p "$T/oldsys/run/holdfast/root"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' \
    "$T/oldsys/run/holdfast/root/control"
: >"$T/calls"
source_hook holdfast-shutdown.sh >/dev/null
called "holdfast flush root --run-dir $T/oldsys/run/holdfast --timeout 20s"
called "holdfast stop root --run-dir $T/oldsys/run/holdfast --timeout 20s"
