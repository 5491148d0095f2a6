#!/bin/bash
# mount -t fuse.holdfast: the LUN as a file, by URL and by name, and away again with umount(8).
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/mount.sh
. "$(dirname "$0")/mount.sh"
mount_start
simple_target 64M
: >"$T/file"
on_exit "umount -l $T/file"

say "by URL"
expect 0 mount -t fuse.holdfast "$(tgt_url tgt)" "$T/file" -o rw,_netdev,nofail,nosuid,noatime,allow_other
[ "$(stat -c %s "$T/file")" = $((64 << 20)) ] || fail "not the LUN's size"
head -c 65536 /dev/urandom >"$T/random"
dd if="$T/random" of="$T/file" bs=64K conv=notrunc,fsync status=none
cmp -n 65536 "$T/random" "$T/disk" || fail "not on the target"

say "busy: it stays"
exec {busy}<"$T/file"
expect 32 umount "$T/file"
cmp -n 65536 "$T/random" "$T/file" || fail "the file is gone"
exec {busy}<&-

say "unmounted: the daemon goes"
expect 0 umount "$T/file"
no_daemon || fail "the daemon is left over"
[ "$(stat -c %s "$T/file")" = 0 ] || fail "it is not the file that was there before"

say "read-only"
expect 0 mount -t fuse.holdfast "$(tgt_url tgt)" "$T/file" -r
! dd if="$T/random" of="$T/file" bs=64K conv=notrunc status=none 2>/dev/null || fail "written"
expect 0 umount "$T/file"

say "by name: where its file says, and nowhere else"
configure disk "url = $(tgt_url tgt)" "fuse = $T/file"
expect 0 mount -t fuse.holdfast disk "$T/file"
cmp -n 65536 "$T/random" "$T/file" || fail "not the LUN"
: >"$T/other"
expect 32 mount -t fuse.holdfast disk "$T/other"
says "does not serve this file; add fuse=$T/other"
[ "$(daemons)" = 1 ] || fail "the daemon of another mount was ended"
expect 0 umount "$T/file"
no_daemon || fail "the daemon is left over"

say "what has no meaning for a file"
expect 1 mount.fuse.holdfast "$(tgt_url tgt)" "$T/file" -o part=1
says "are for file systems"
expect 1 mount.fuse.holdfast "$(tgt_url tgt)" "$T/file" -o remount
says "cannot be remounted"
expect 32 mount.fuse.holdfast "$(tgt_url tgt)" "$T/none/file"
says "make the file first"
no_daemon || fail "a daemon was started for nothing"
