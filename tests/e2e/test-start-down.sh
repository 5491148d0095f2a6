#!/bin/bash
# Start with the target down: the daemon is ready, clients wait, and are answered when it comes.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_fuse
need nbdinfo nbdsh

truncate -s 64M "$T/disk"
printf hello | dd of="$T/disk" conv=notrunc status=none
tgt_new tgt
tgt_lun tgt 1 "$T/disk"

FUSE=1 hf_start "$(tgt_url tgt)"
spawn nbd_client nbdsh -u "$NBD" -c 'print(bytes(h.pread(5, 0)))'
spawn fuse_client head -c 5 "$T/lun"
sleep "$(long 10 3)"
alive nbd_client || fail "the NBD client did not wait"
alive fuse_client || fail "the reader of the file did not wait"
! "$HOLDFAST" drain t --timeout 300ms -o "run_dir=$T/run" 2>"$T/drain" ||
    fail "drained, although a daemon before this one may have left writes in the target's cache"
grep -q "the target was not there for 300 ms" "$T/drain" || fail "$(cat "$T/drain")"
hf_status >"$T/status.log" || fail "status does not work while the target is down"

tgt_start tgt
ended_within nbd_client 4 || fail "the NBD client still waits"
[ "$ENDED" = 0 ] && grep -q hello "$T/nbd_client.log" || fail "the NBD client got something else"
ended_within fuse_client 2 || fail "the reader of the file still waits"
[ "$ENDED" = 0 ] && grep -q hello "$T/fuse_client.log" || fail "the reader got something else"
[ "$(stat -c %s "$T/lun")" = $((64 << 20)) ] || fail "the file has the wrong size"
end hf TERM
[ "$ENDED" = 0 ] || fail "exit status $ENDED"
