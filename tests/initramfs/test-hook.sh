#!/bin/bash
# initramfs-tools: what goes into the image, and who may read it then.
# shellcheck source=tests/initramfs/kit.sh
. "$(dirname "$0")/kit.sh"

mkdir -p "$T/usr/share/initramfs-tools" "$T/image"
cat >"$T/usr/share/initramfs-tools/hook-functions" <<'END'
copy_exec() { echo "copy_exec $*" >>"$T/calls"; }
copy_libgcc() { echo "copy_libgcc $*" >>"$T/calls"; }
manual_add_modules() { echo "manual_add_modules $*" >>"$T/calls"; }
auto_add_modules() { echo "auto_add_modules $*" >>"$T/calls"; }
END
hook() {
    rm -rf "$T/image"
    mkdir "$T/image"
    sed -e "s#@sbindir@#/usr/sbin#; s#@protect_nic@#/usr/lib/holdfast/protect-nic#" \
        -e "s#/usr/share/initramfs-tools#$T&#g; s#/etc/#$T&#g" "$KIT/initramfs-tools/hook.in" >"$T/script"
    DESTDIR=$T/image sh "$T/script"
}

[ "$(sh "$KIT/initramfs-tools/hook.in" prereqs)" = "" ] || fail "prereqs"

hook
called "copy_exec /usr/sbin/holdfast /sbin/holdfast"
called "copy_exec /usr/lib/holdfast/protect-nic /lib/holdfast/protect-nic"
called "manual_add_modules nbd"
called "auto_add_modules net"

# boot.conf with the secrets that it names, and nothing wider readable than it was.
mkdir -p "$T/etc/holdfast" "$T/etc/iscsi" "$T/secrets"
echo InitiatorName=iqn.2026-11.test:me >"$T/etc/iscsi/initiatorname.iscsi"
(umask 077 && echo secretsecret12 >"$T/secrets/chap")
printf 'url = ibft\n  chap_secret_file = %s\n# chap_secret_file = /no\n' "$T/secrets/chap" \
    >"$T/etc/holdfast/boot.conf"
hook
[ "$(stat -c %a "$T/image$T/secrets/chap")" = 600 ] || fail "the secret in the image is not 0600"
holds "$T/image$T/etc/holdfast/boot.conf" "url = ibft"

# A secret that is missing stops the image from being made: it would not boot.
rm "$T/secrets/chap"
! hook 2>"$T/said" || fail "an image without its secret was made"
holds "$T/said" "which is missing"

: >"$T/calls"
mkdir -p "$T/etc/initramfs-tools/conf.d"
echo NO_HOLDFAST_IN_INITRAMFS=yes >"$T/etc/initramfs-tools/conf.d/holdfast"
CONFDIR=$T/etc/initramfs-tools hook
not_called copy_exec

# mkinitramfs sources the other hook: an image with a secret is for root alone.
umask_of_image() { (UMASK="" && . "$T/script" && echo "$UMASK"); }
sed "s#/etc/#$T&#g" "$KIT/initramfs-tools/conf-hook" >"$T/script"
[ "$(umask_of_image)" = 0077 ] || fail "an image with a secret can be read"
echo 'url = ibft' >"$T/etc/holdfast/boot.conf"
[ "$(umask_of_image)" = "" ] || fail "an image without a secret is hidden"
