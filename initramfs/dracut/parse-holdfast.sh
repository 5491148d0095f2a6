#!/bin/sh
# cmdline hook, sourced: does anything ask for us? Then see to the network, and to being called.

hf_network=$(holdfast boot --network) || die "holdfast: the boot cannot be understood, see above"
HOLDFAST_BOOT="" HOLDFAST_NAME=root HOLDFAST_BOOTIF="" HOLDFAST_DHCP=""
HOLDFAST_IP="" HOLDFAST_IP6="" HOLDFAST_GATEWAY6="" HOLDFAST_VLAN=""
eval "$hf_network"

# Words of 95iscsi are for 95iscsi, where it is in the image too.
if [ "$HOLDFAST_BOOT" = yes ] && [ -e /sbin/iscsiroot ] && [ ! -e /etc/holdfast/boot.conf ] &&
    [ -z "$(getarg holdfast=)" ]; then
    case "$(getargs netroot=)" in
    *holdfast:*) ;;
    *) HOLDFAST_BOOT="" ;;
    esac
fi

if [ "$HOLDFAST_BOOT" = yes ]; then
    mkdir -p /run/holdfast
    [ "$HOLDFAST_DHCP" = yes ] && : >/run/holdfast/interface.dhcp
    # shellcheck disable=SC2034
    netroot=holdfast:
    [ -n "$root" ] && [ "${root#iscsi:}" = "$root" ] || root="block:/dev/holdfast/$HOLDFAST_NAME"
    # shellcheck disable=SC2034
    rootok=1
    echo "rd.neednet=1" >/etc/cmdline.d/40-holdfast.conf
    hf_ips=$(getargs ip=)
    if [ -z "$hf_ips" ]; then
        hf_ip=dhcp
        [ -z "$HOLDFAST_BOOTIF" ] || hf_ip=ibft
        echo "ip=$hf_ip" >>/etc/cmdline.d/40-holdfast.conf
        # NetworkManager's generator reads it there, and does not load it. `holdfast boot` unloads it.
        [ "$hf_ip" != ibft ] || [ -e /lib/systemd/systemd-networkd ] || modprobe -b -q iscsi_ibft || :
    fi
    # networkd knows nothing of /etc/cmdline.d. The values are words: not quoted.
    if [ -e /lib/systemd/systemd-networkd ]; then
        # shellcheck disable=SC2086
        (export HOLDFAST_BOOTIF HOLDFAST_IP HOLDFAST_IP6 HOLDFAST_GATEWAY6 HOLDFAST_VLAN &&
            /lib/holdfast/networkd /run/systemd/network $hf_ips) ||
            warn "holdfast: systemd-networkd could not be told about the network"
    fi
    # Not only --online: no one calls that when systemd-networkd brings up the network.
    /sbin/initqueue --settled --unique --name holdfast /sbin/holdfastroot
    # shellcheck disable=SC2154
    echo "grep -qs ^holdfast: /sys/block/nbd*/backend" >"$hookdir/initqueue/finished/holdfast.sh"
fi
