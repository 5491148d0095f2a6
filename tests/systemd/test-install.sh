#!/bin/bash
# What `meson install` leaves: helpers where mount(8) looks, units, rules and hooks where systemd and
# udev look, manual pages, and nothing that names the build folder.
#
# test-install.sh BUILD
set -euo pipefail
BUILD=$1
command -v meson >/dev/null || { echo "SKIP: no meson"; exit 77; }
T=$(mktemp -d /tmp/holdfast-install.XXXXXX)
trap 'rm -rf "$T"' EXIT

fail() {
    echo "FAILED: $*"
    find "$T/root" -not -type d
    exit 1
}

meson install -C "$BUILD" --no-rebuild --quiet --destdir "$T/root" >"$T/log" 2>&1 ||
    fail "meson install: $(tail -n 3 "$T/log")"
program=$(cd "$T/root" && find . -type f -name holdfast -path '*/sbin/*')
program=${program#.}
[ -x "$T/root$program" ] || fail "no program"

for helper in mount umount mount.fuse umount.fuse; do
    [ "$(readlink "$T/root/sbin/$helper.holdfast")" = "$program" ] || fail "/sbin/$helper.holdfast"
    find "$T/root" -path "*/man8/$helper.holdfast.8*" | grep -q . || fail "$helper.holdfast(8)"
done
grep -qx "ExecStart=$program serve %i" "$T"/root/*/systemd/system/holdfast@.service ||
    grep -qx "ExecStart=$program serve %i" "$T"/root/usr/lib/systemd/system/holdfast@.service ||
    fail "the unit does not start the program"
hook=$(find "$T/root" -path '*/system-shutdown/holdfast')
[ -x "$hook" ] || fail "the shutdown hook"
grep -q " $program drain" "$hook" || fail "the shutdown hook does not call the program"
for file in holdfast@.socket tmpfiles.d/holdfast.conf rules.d/60-holdfast.rules man5/holdfast.conf.5; do
    find "$T/root" -path "*/$file*" | grep -q . || fail "$file"
done
while read -r file; do
    ! grep -qF "$(realpath "$BUILD")" "$file" || fail "${file#"$T/root"} names the build folder"
done < <(find "$T/root" -type f -not -path "$T/root$program" -size -200k)
