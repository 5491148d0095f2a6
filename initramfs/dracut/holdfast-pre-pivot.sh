#!/bin/sh
# pre-pivot hook, sourced. The daemon was started before the network was surely up: look again by
# which NIC the target is reached, and protect that one in the real root.

# hf_keep_lease NIC: a lease is renewed in the real root if networkd runs there, and otherwise by
# nobody: the kernel must not take the address away when it ends.
hf_keep_lease() {
    [ ! -e "/run/systemd/netif/leases/$(cat "/sys/class/net/$1/ifindex")" ] ||
        : >/run/holdfast/interface.dhcp
    ip -4 -o addr show dev "$1" dynamic | while read -r _ _ _ hf_address _; do
        : >/run/holdfast/interface.dhcp
        ip addr change "$hf_address" dev "$1" valid_lft forever preferred_lft forever
    done
}

if [ -e /run/holdfast/started ]; then
    [ -s /run/holdfast/interface ] || holdfast boot --no-wait >/dev/null 2>&1
    if [ -s /run/holdfast/interface ]; then
        while read -r hf_nic _; do
            hf_keep_lease "$hf_nic"
        done </run/holdfast/interface
        /lib/holdfast/protect-nic /run
    fi
    # What was said to networkd was for the initramfs alone: there it may have meant each card.
    rm -f /run/systemd/network/05-holdfast*
fi
