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
fake ip <<<'[ ! -e "$T/network-is-up" ] || echo default via 10.0.2.2'
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
holds "$T/hooks/initqueue/finished/holdfast.sh" "holdfast:"
[ -e "$T/run/holdfast/interface.dhcp" ] || fail "the lease was not noted"
export LINE="holdfast=ibft ip=eth0:dhcp" ROOT=""
[ "$(source_hook parse-holdfast.sh)" = block:/dev/holdfast/root ] || fail "no root was given"
! grep -q ip= "$T/etc/cmdline.d/40-holdfast.conf" || fail "ip= was given again"

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

# The way back at the end: flush, then stop, of the run directory that moved.
mkdir -p "$T/oldsys/run/holdfast/root"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' \
    "$T/oldsys/run/holdfast/root/control"
: >"$T/calls"
source_hook holdfast-shutdown.sh >/dev/null
called "holdfast flush root --run-dir $T/oldsys/run/holdfast --timeout 20s"
called "holdfast stop root --run-dir $T/oldsys/run/holdfast --timeout 20s"
