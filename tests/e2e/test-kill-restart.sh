#!/bin/bash
# SIGKILL of the daemon: the same command brings everything back, over the dead mount and socket.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_fuse
need nbdsh

simple_target 64M
FUSE=1 hf_start "$(tgt_url tgt)"
nbdsh -u "$NBD" -c 'h.pwrite(b"kept" * 1024, 8192)
h.flush()'
end hf KILL
[ -S "$T/nbd" ] || fail "a killed daemon cannot have removed its socket"
! head -c 1 "$T/lun" >/dev/null 2>&1 || fail "the mount should be dead"

FUSE=1 hf_start "$(tgt_url tgt)"
nbdsh -u "$NBD" -c 'assert h.pread(4096, 8192) == b"kept" * 1024'
[ "$(dd if="$T/lun" bs=4096 skip=2 count=1 status=none | head -c 4)" = kept ] ||
    fail "the file does not show the LUN"
[ "$(grep -c " $T/lun " /proc/mounts)" = 1 ] || fail "the dead mount is still below the new one"

# A daemon that lives is not pushed aside.
: >"$T/second.log"
spawn second "$HOLDFAST" serve "$(tgt_url tgt)" --name t --nbd "unix:$T/nbd" -o "run_dir=$T/run"
ended_within second 5 || fail "a second daemon with the same socket runs"
[ "$ENDED" = 1 ] || fail "a second daemon: exit status $ENDED"
nbdsh -u "$NBD" -c 'assert h.pread(4096, 8192) == b"kept" * 1024' || fail "the first one is hurt"
end hf TERM
[ "$ENDED" = 0 ] || fail "exit status $ENDED"
! grep -q " $T/lun " /proc/mounts || fail "the mount was left behind"
