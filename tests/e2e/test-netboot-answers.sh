#!/bin/bash
# What a machine is told by dnsmasq with the configuration that `holdfast netboot` wrote: firmware
# gets iPXE, iPXE the script, an initramfs the root path; another machine nothing of all that.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_root
need dnsmasq
MAC=52:54:00:aa:bb:01
OTHER=52:54:00:aa:bb:02
TARGET=iqn.2026-11.org.example:root
INITIATOR=iqn.2026-11.org.example:diskless
ROOT_PATH=iscsi:10.77.0.2:::1:$TARGET

net_start
PREFIX[dnsmasq]="nsenter --net=/run/netns/$NET_TARGET"
mkdir "$T/ipxe"
head -c 70000 /dev/zero >"$T/ipxe/undionly.kpxe"
head -c 2048 /dev/zero >"$T/ipxe/snponly.efi"
(umask 077 && echo secretsecret12 >"$T/secret")

# serve FOLDER URL [OPTION...]
serve() {
    local folder=$T/$1
    "$HOLDFAST" netboot "$2" "$folder" --network 10.77.0.2/24 --ipxe "$T/ipxe" "${@:3}" \
        >"$T/netboot.log" 2>&1 || fail "holdfast netboot"
    sed -i "s,^dhcp-leasefile=.*,dhcp-leasefile=$folder/leases," "$folder/dnsmasq.conf"
    : >"$T/dnsmasq.log"
    spawn dnsmasq dnsmasq --keep-in-foreground --log-dhcp --log-facility=- --user=root \
        --pid-file="$folder/pid" --conf-file="$folder/dnsmasq.conf"
    wait_until 5 grep -q started "$T/dnsmasq.log" || fail "dnsmasq does not start"
}

# answers "LINE" WORD...: what pxe_client.py prints.
answers() {
    local expected=$1 got
    shift
    got=$(nsenter --net="/run/netns/$NET_CLIENT" "$TOOLS/pxe_client.py" "$CABLE" "$@" \
        2>"$T/client.log") || fail "$*: $(cat "$T/client.log")"
    [ "$got" = "$expected" ] || fail "$*: '$got', not '$expected'"
}

cat >"$T/disk.conf" <<END
url = iscsi://10.77.0.2/$TARGET/1
initiator = $INITIATOR
END
say "one machine: the chain of BIOS and of UEFI, and the initramfs"
serve one "$T/disk.conf" --mac $MAC
size=$(stat -c %s "$T/one/tftp/boot.ipxe")
answers "undionly.kpxe 10.77.0.128 - - 70000" $MAC firmware 0
answers "snponly.efi 10.77.0.128 - - 2048" $MAC firmware 7
answers "snponly.efi 10.77.0.128 - - 2048" $MAC firmware 9
answers "boot.ipxe 10.77.0.128 - $INITIATOR $size" $MAC ipxe
answers "- 10.77.0.128 $ROOT_PATH $INITIATOR" $MAC initramfs

say "another machine is given no disk"
for who in "firmware 0" "firmware 7" ipxe initramfs; do
    # shellcheck disable=SC2086
    nsenter --net="/run/netns/$NET_CLIENT" "$TOOLS/pxe_client.py" "$CABLE" $OTHER $who >"$T/other" ||
        continue
    grep -qE '^- 10\.77\.0\.[0-9]+ - -$' "$T/other" || fail "$OTHER $who: $(cat "$T/other")"
done
answers "boot.ipxe 10.77.0.128 - $INITIATOR $size" $MAC ipxe # it still answers whom it knows
end dnsmasq TERM

say "any machine, and CHAP: the script that asks for the secret"
printf 'chap_user = joe\nchap_secret_file = %s\n' "$T/secret" >>"$T/disk.conf"
serve any "$T/disk.conf" --mac any
size=$(stat -c %s "$T/any/tftp/login.ipxe")
nsenter --net="/run/netns/$NET_CLIENT" "$TOOLS/pxe_client.py" "$CABLE" $OTHER ipxe >"$T/other" ||
    fail "no answer"
grep -qE "^login.ipxe 10\.77\.0\.[0-9]+ - $INITIATOR $size\$" "$T/other" || fail "$(cat "$T/other")"
end dnsmasq TERM
say "done"
