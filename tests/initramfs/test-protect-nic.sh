#!/bin/bash
# What keeps the boot NIC up in the real root: one file for each of three network services.
# shellcheck source=tests/initramfs/kit.sh
. "$(dirname "$0")/kit.sh"

while read -r SHELL_OF_IMAGE; do
    echo "with $SHELL_OF_IMAGE"
    rm -rf "$T/run"
    mkdir -p "$T/run/holdfast"
    printf 'eth0.5 52:54:00:12:34:01\neth0 52:54:00:12:34:01\n' >"$T/run/holdfast/interface"
    echo "PROTO='dhcp'" >"$T/run/net-eth0.conf"
    for round in 1 2; do # a second call changes nothing
        # shellcheck disable=SC2086 # "busybox sh" is two words
        $SHELL_OF_IMAGE "$KIT/protect-nic" "$T/run"
        [ "$(cat "$T/run/network/ifstate")" = "$(printf 'eth0.5=eth0.5\neth0=eth0')" ] ||
            fail "round $round: ifstate: $(cat "$T/run/network/ifstate")"
        [ "$(grep -c managed=0 "$T/run/NetworkManager/conf.d/holdfast.conf")" = 2 ] ||
            fail "round $round: NetworkManager"
    done
    holds "$T/run/systemd/system/networking.service.d/holdfast.conf" \
        "ExecStop=/sbin/ifdown -a --read-environment --exclude=lo --exclude=eth0.5 --exclude=eth0"
    holds "$T/run/systemd/system/ifup@eth0.service.d/holdfast.conf" "ExecStop="
    holds "$T/run/NetworkManager/conf.d/holdfast.conf" "match-device=interface-name:=eth0.5"
    holds "$T/run/udev/rules.d/85-holdfast.rules" 'KERNEL=="eth0", ENV{NM_UNMANAGED}="1"'
    holds "$T/run/systemd/network/00-holdfast-eth0.network" "KeepConfiguration=yes"
    holds "$T/run/systemd/network/00-holdfast-eth0.network" "DHCP=ipv4"
    ! grep -q DHCP "$T/run/systemd/network/00-holdfast-eth0.5.network" || fail "a lease for eth0.5"

    # A lease that was noted is that of the first one, not of the card below.
    : >"$T/run/holdfast/interface.dhcp"
    rm "$T/run/net-eth0.conf"
    # shellcheck disable=SC2086
    $SHELL_OF_IMAGE "$KIT/protect-nic" "$T/run"
    holds "$T/run/systemd/network/00-holdfast-eth0.5.network" "DHCP=ipv4"
    ! grep -q DHCP "$T/run/systemd/network/00-holdfast-eth0.network" || fail "a lease for eth0"
    rm "$T/run/holdfast/interface.dhcp"

    # A dash in a name is \x2d in the name of a unit's instance.
    echo 'br-lan 52:54:00:12:34:01' >"$T/run/holdfast/interface"
    # shellcheck disable=SC2086
    $SHELL_OF_IMAGE "$KIT/protect-nic" "$T/run"
    [ -e "$T/run/systemd/system/ifup@br\\x2dlan.service.d/holdfast.conf" ] || fail "no ifup@br\\x2dlan"

    # What is no name of an interface is not used in one of a file.
    rm -rf "$T/run/network" "$T/run/systemd"
    printf '../x aa\n$(reboot) bb\n' >"$T/run/holdfast/interface"
    # shellcheck disable=SC2086
    $SHELL_OF_IMAGE "$KIT/protect-nic" "$T/run" 2>"$T/said"
    holds "$T/said" "cannot be protected"
    [ ! -e "$T/run/systemd" ] || fail "something was written for a bad name"
done < <(shells)
