#!/bin/sh
# holdfast-networkd DIR [IP...]: what systemd-networkd needs to know in an initramfs, below DIR
# (/run/systemd/network). Debian's dracut has it bring up the network where there is no
# NetworkManager; it reads neither dracut's files nor the iBFT, and does not ask DHCP for the root
# path (option 17) unless it is told to.
#
# HOLDFAST_* are those of `holdfast boot --network`. IP are the values of ip= on the kernel command
# line, of which systemd-network-generator makes files: they count then, and are only added to.
set -eu

dir=${1:?usage: holdfast-networkd DIR [IP...]}
shift
name=05-holdfast

# As iPXE and dhclient are known to the server: it shall give the same address.
dhcp_section() { printf '\n[DHCPv4]\nClientIdentifier=mac\nRequestOptions=17\n'; }

# The generator's files are 71-default.network and 70-NIC.network; a drop-in for one that is not
# there does no harm, so each word is taken for the name of a NIC.
add_to_generated() {
    for word in default $(echo "$*" | tr ':[] ' '\n'); do
        case $word in
        default) file=71-default.network ;;
        *[!A-Za-z0-9._-]*) continue ;;
        *) file=70-$word.network ;;
        esac
        mkdir -p "$dir/$file.d"
        {
            printf '[Network]\nKeepConfiguration=yes\n'
            dhcp_section
        } >"$dir/$file.d/holdfast.conf"
    done
}

# 255.255.255.0 -> 24
prefix_of() {
    (
        bits=0
        IFS=.
        for octet in $1; do
            while [ "$octet" -gt 0 ]; do
                bits=$((bits + octet % 2))
                octet=$((octet / 2))
            done
        done
        echo $bits
    )
}

addresses() {
    if [ -n "${HOLDFAST_IP6-}" ]; then
        echo "Address=$HOLDFAST_IP6"
        [ -z "${HOLDFAST_GATEWAY6-}" ] || echo "Gateway=$HOLDFAST_GATEWAY6"
    elif [ -n "${HOLDFAST_IP-}" ]; then
        IFS=: read -r address _ gateway mask _ <<END
$HOLDFAST_IP
END
        echo "Address=$address/$(prefix_of "$mask")"
        [ -z "$gateway" ] || echo "Gateway=$gateway"
    else
        printf 'DHCP=ipv4\n'
        dhcp_section
    fi
}

# The card that the firmware booted by, or each one.
card() {
    printf '[Match]\nType=ether\nKind=!*\n'
    [ -z "${HOLDFAST_BOOTIF-}" ] ||
        echo "MACAddress=$(echo "${HOLDFAST_BOOTIF#01-}" | tr - :)"
    printf '\n[Network]\nKeepConfiguration=yes\n'
}

write_own() {
    mkdir -p "$dir"
    if [ -z "${HOLDFAST_VLAN-}" ]; then
        {
            card
            addresses
        } >"$dir/$name.network"
        return
    fi
    vlan=vlan$HOLDFAST_VLAN
    {
        card
        printf 'LinkLocalAddressing=no\nVLAN=%s\n' "$vlan"
    } >"$dir/$name.network"
    printf '[NetDev]\nName=%s\nKind=vlan\n\n[VLAN]\nId=%s\n' "$vlan" "$HOLDFAST_VLAN" \
        >"$dir/$name-vlan.netdev"
    {
        printf '[Match]\nName=%s\n\n[Network]\nKeepConfiguration=yes\n' "$vlan"
        addresses
    } >"$dir/$name-vlan.network"
}

case "$*" in
"" | ibft) write_own ;;
*) add_to_generated "$@" ;;
esac
