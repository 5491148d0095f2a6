#!/bin/bash
# `holdfast boot` on a machine that is none: what it finds, what it refuses, what it leaves behind.
# The boot itself is in tests/boot.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_root
need unshare

DATA=$(cd "$(dirname "$0")/../data" && pwd)
LUN=iscsi://127.0.0.1:4445/iqn.2026-11.test:a/1

# machine CMDLINE: $T/machine is one that iPXE booted by UEFI, and has that command line.
machine() {
    rm -rf "$T/machine"
    mkdir -p "$T/machine/proc" "$T/machine/sys/firmware/acpi/tables" "$T/machine/etc/holdfast"
    cp "$DATA/ibft/ibft-efi-virtio-chap.bin" "$T/machine/sys/firmware/acpi/tables/iBFT"
    echo "$1" >"$T/machine/proc/cmdline"
}
look() { "$HOLDFAST" boot --from "$T/machine" "$@" >"$T/said" 2>&1; }
says() { grep -qF -- "$1" "$T/said" || fail "'$1' was not said: $(cat "$T/said")"; }
never_says() { ! grep -qF -- "$1" "$T/said" || fail "'$1' was said"; }

say "what is found is shown, and the secret is not"
machine "root=LABEL=root holdfast=ibft"
look --print
says "portal     10.0.2.2:3291"
says "CHAP       joe, secret ********"
says "initiator  from the iBFT"
never_says secretsecret12
look --network
says "HOLDFAST_IP='10.0.2.15::10.0.2.2:255.255.255.0:myhost::off:10.0.2.3'"
[ "$(sh -eu -c '. "$1"; echo "$HOLDFAST_BOOTIF"' sh "$T/said")" = 01-52-54-00-12-34-05 ] ||
    fail "a shell does not read it"

machine "root=LABEL=root rd.iscsi.ibft ip=ibft"
look --network
says "HOLDFAST_IP='10.0.2.15::10.0.2.2:"
machine "root=LABEL=root holdfast=ibft ip=dhcp"
look --network
never_says HOLDFAST_IP

printf 'url = %s\nname = disk7\n' "$LUN" >"$T/machine/etc/holdfast/boot.conf"
look --network
says "HOLDFAST_NAME='disk7'"
printf "url = %s\nname = x';reboot\n" "$LUN" >"$T/machine/etc/holdfast/boot.conf"
look --network || true
never_says HOLDFAST_NAME

say "nothing asks: no network is needed, and no boot done"
machine "root=LABEL=root quiet"
look --network
[ ! -s "$T/said" ] || fail "--network wants something"
! look --print || fail "--print succeeds where nothing asks"
says "nothing asks for a boot; write holdfast=ibft"

say "two sources that disagree are refused, in one line with both"
machine "holdfast=iscsi://10.0.2.2/iqn.2026-11.test:clone/1"
! look --print || fail "the clone's LUN was taken"
[ "$(tail -n 1 "$T/said" | grep -c 'iqn.2026-11.test:clone.*iqn.2026-11.test:chap')" = 1 ] ||
    fail "not one line: $(cat "$T/said")"
look --print iscsi://10.0.2.2/iqn.2026-11.test:clone/1
says "target     iqn.2026-11.test:clone"

say "an iBFT that is asked for and is not there, or is broken"
machine "holdfast=ibft"
printf 'x' | dd of="$T/machine/sys/firmware/acpi/tables/iBFT" bs=1 seek=100 conv=notrunc status=none
! look --print || fail "a broken table was taken"
says "checksum is wrong"
rm "$T/machine/sys/firmware/acpi/tables/iBFT"
! look --print || fail "a missing table was taken"
says "the iBFT is asked for: this machine has no iBFT"
! look --network || fail "a network is wanted for a missing table"
says "the iBFT is asked for: this machine has no iBFT"

# here CMDLINE COMMAND...: on this machine, with another command line and a /run of its own.
here() {
    echo "$1" >"$T/cmdline"
    shift
    # shellcheck disable=SC2016 # for that shell
    unshare --mount --propagation private bash -euc '
        mount -t tmpfs tmpfs /run
        mount --bind "$0/cmdline" /proc/cmdline
        "$@"' "$T" "$@" >"$T/said" 2>&1
}

# leaves: what a boot leaves behind, seen from inside.
cat >"$T/leaves.sh" <<'END'
"$HOLDFAST" boot --timeout 2s || echo "status $?"
stat -c '%a %n' /run/holdfast/root.* /run/holdfast/interface
cat /run/holdfast/root.conf /run/holdfast/interface
"$HOLDFAST" stop root --timeout 10s 2>/dev/null || :
END
say "no disk: the daemon's reason, the two commands, the files"
here "holdfast=$LUN ISCSI_USERNAME=joe ISCSI_PASSWORD=secretsecret12" bash "$T/leaves.sh"
says "status 1"
says "holdfast boot: LUN 1 of iqn.2026-11.test:a, from holdfast= on the kernel command line, at 127.0.0.1:4445"
[ -e /sys/module/nbd ] || says "the kernel's module nbd cannot be loaded; it is missing in this image"
says "two commands continue the boot"
says "a CHAP secret stands on the kernel command line"
says "600 /run/holdfast/root.conf"
says "600 /run/holdfast/root.secret"
says "600 /run/holdfast/interface"
says "chap_secret_file = /run/holdfast/root.secret"
says "device = nbd"
says "lo 00:00:00:00:00:00"
never_says secretsecret12

# A daemon of an earlier call, which waits for what was mended since.
cat >"$T/former.sh" <<'END'
mkdir -p /run/holdfast
"$HOLDFAST" serve "iscsi://127.0.0.1:4446/iqn.2026-11.test:wrong/1" --name root \
    --nbd unix:/run/holdfast/nbd.sock </dev/null >/dev/null 2>&1 &
former=$!
until "$HOLDFAST" status root >/dev/null 2>&1; do sleep 0.1; done
"$HOLDFAST" boot --timeout 2s || :
wait "$former" || :
echo "the former one has ended"
"$HOLDFAST" stop root --timeout 10s 2>/dev/null || :
END
say "a daemon with the configuration of before is ended"
here "holdfast=$LUN" timeout 40 bash "$T/former.sh"
says "another configuration than before; ending the former daemon"
says "the former one has ended"

say "wrong words"
! here "holdfast=yes" "$HOLDFAST" boot || fail "holdfast=yes was understood"
says "'yes' is not understood; write ibft, dhcp"
! here "holdfast=ibft holdfast.timeout=soon" "$HOLDFAST" boot || fail "holdfast.timeout=soon"
says "holdfast.timeout="
! here "holdfast=no" "$HOLDFAST" boot || fail "holdfast=no was not obeyed"
says "only a LUN that is named here is booted in spite of it"
! here "holdfast=dhcp" "$HOLDFAST" boot || fail "a boot without a lease"
says "is the network up (ip address)"
! here "quiet" "$HOLDFAST" boot --from / || fail "--from alone"
says "only with --print or --network"
