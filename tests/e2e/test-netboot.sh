#!/bin/bash
# `holdfast netboot` writes what servers accept (dnsmasq, and ISC dhcpd and Kea where they are
# installed), keeps secrets from everybody, and refuses what could not work. It talks to nobody.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need dnsmasq
URL=iscsi://192.0.2.7,192.0.2.8:3261/iqn.2026-11.org.example:root/1
NETWORK=(--mac 52:54:00:aa:bb:01 --network 192.0.2.1/24)
# shellcheck disable=SC2016 # nothing in it is to be expanded
SECRET='a secret && ${it} "is"'

netboot() { "$HOLDFAST" netboot "$@" >"$T/out.log" 2>"$T/err.log"; }

refused() {
    local status=$1 words=$2 got=0
    shift 2
    netboot "$@" || got=$?
    [ "$got" = "$status" ] || fail "$*: exit status $got, not $status"
    [ "$(wc -l <"$T/err.log")" = 1 ] || fail "$*: not one line"
    grep -qF -- "$words" "$T/err.log" || fail "$*: '$words' is not said"
}

# accepted FOLDER: by all servers that are here.
accepted() {
    dnsmasq --test --conf-file="$1/dnsmasq.conf" 2>"$T/dnsmasq.log" || fail "dnsmasq refuses it"
    if command -v dhcpd >/dev/null; then
        : >"$T/leases"
        dhcpd -t -4 -cf "$1/dhcpd.conf" -lf "$T/leases" >"$T/dhcpd.log" 2>&1 ||
            fail "dhcpd refuses it"
    fi
    if command -v kea-dhcp4 >/dev/null; then
        (cd "$T" && KEA_LOCKFILE_DIR=none KEA_PIDFILE_DIR=$T kea-dhcp4 -t "$1/kea.conf") \
            >"$T/kea.log" 2>&1 || fail "Kea refuses it"
    fi
}

say "from a URL: one machine, and any"
netboot "$URL" "$T/one" "${NETWORK[@]}" || fail "the folder is not written"
accepted "$T/one"
grep -qF 'root path  iscsi:192.0.2.7:::1:iqn.2026-11.org.example:root' "$T/out.log" ||
    fail "the root path is not told"
netboot "$URL" "$T/any" --mac any --network 192.0.2.1/24 --router 192.0.2.254 ||
    fail "any machine is refused"
grep -q 'warning: any machine' "$T/err.log" || fail "any machine, and no warning"
accepted "$T/any"

netboot 'iscsi://[2001:db8::7]/iqn.2026-11.org.example:root/1' "$T/six" "${NETWORK[@]}" ||
    fail "an IPv6 portal is refused"
grep -q 'warning: portal 2001:db8::7' "$T/err.log" || fail "an IPv6 portal, and no warning"

say "from a configuration with CHAP, with a kernel, over what was there"
mkdir "$T/ipxe"
echo loader | tee "$T/ipxe/undionly.kpxe" "$T/ipxe/snponly.efi" "$T/vmlinuz" >"$T/initrd.img"
(umask 077 && echo "$SECRET" >"$T/secret" && echo 'mutual secret' >"$T/mutual")
cat >"$T/disk.conf" <<END
url = $URL
chap_user = joe
chap_secret_file = $T/secret
mutual_chap_user = target
mutual_chap_secret_file = $T/mutual
END
(umask 0 && netboot "$T/disk.conf" "$T/one" "${NETWORK[@]}" --ipxe "$T/ipxe" \
    --kernel "$T/vmlinuz" --initrd "$T/initrd.img" --append 'root=LABEL=r ro') ||
    fail "a configuration is refused"
accepted "$T/one"
[ "$(stat -c %a "$T/one/boot.ipxe")" = 600 ] || fail "everybody can read the secret"
grep -qF "set password:hexraw $(printf %s "$SECRET" | od -An -tx1 | tr -d ' \n')" \
    "$T/one/boot.ipxe" || fail "the secret is missing"
for FILE in undionly.kpxe snponly.efi vmlinuz initrd.img login.ipxe; do
    [ "$(stat -c %a "$T/one/tftp/$FILE")" = 644 ] || fail "TFTP cannot read $FILE"
done
HEX=$(printf %s "$SECRET" | od -An -tx1 | tr -d ' \n')
MUTUAL=$(printf 'mutual secret' | od -An -tx1 | tr -d ' \n')
! grep -rlE "$HEX|$MUTUAL|a secret|mutual secret" "$T/one" | grep -v '/one/boot.ipxe$' ||
    fail "a secret is where everybody can read it"
! compgen -G "$T/one/*.??????" >/dev/null || fail "a scratch file is left"

say "what cannot work is refused"
refused 2 "URL|NAME DIR is missing" "$URL"
refused 2 "which machine boots?" "$URL" "$T/x" --network 192.0.2.1/24
refused 2 "no address of a network card" "$URL" "$T/x" --mac ff:ff:ff:ff:ff:ff
refused 2 "write the boot server's address" "$URL" "$T/x" --mac any --network 192.0.2.0
refused 2 "portal 192.0.2.7 is not in the boot network" \
    "$URL" "$T/x" --mac any --network 198.51.100.1/24
refused 2 "is not in the boot network" "$URL" "$T/x" "${NETWORK[@]}" --range 192.0.3.1,192.0.3.9
refused 2 "write FIRST,LAST" "$URL" "$T/x" "${NETWORK[@]}" --range 192.0.2.9,192.0.2.1
refused 2 "no IPv4 address in the boot network" "$URL" "$T/x" "${NETWORK[@]}" --router 192.0.3.1
refused 2 "nonesuch does not exist" "$URL" "$T/x" --mac any --interface nonesuch
refused 2 "no interface of this host" "iscsi://203.0.113.7/iqn.2026-11.org.example:x/1" "$T/x" \
    --mac any
refused 2 "--initrd goes with --kernel" "$URL" "$T/x" "${NETWORK[@]}" --initrd "$T/vmlinuz"
refused 2 "one line" "$URL" "$T/x" "${NETWORK[@]}" --kernel http://h/k --append $'a\nb'
refused 2 "/etc/holdfast/nonesuch.conf does not exist" nonesuch "$T/x" "${NETWORK[@]}"
[ ! -e "$T/x" ] || fail "a refusal left a folder"
chmod 600 "$T/initrd.img"
refused 1 "TFTP gives it to everybody" "$URL" "$T/y" "${NETWORK[@]}" --kernel "$T/initrd.img"
refused 1 "No such file or directory; --ipxe is the folder" \
    "$URL" "$T/y" "${NETWORK[@]}" --ipxe "$T/nonesuch"
refused 1 "No such file" "$URL" "$T/no/folder" "${NETWORK[@]}"
refused 1 "does not understand" "$URL" "$T/a folder" "${NETWORK[@]}"
say "done"
