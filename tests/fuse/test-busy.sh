#!/bin/bash
# Unmounting while a loop device holds the file: served on, retried, and in the end detached.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"
need_loop

start "$mnt"
attach "$mnt"
ask stop
is busy 1
soon dd if=/dev/urandom of="$loop" bs=1M count=4 oflag=direct status=none
soon cmp -n 4194304 "$loop" "$mnt"
is mounted 1
detach
heard || fail "did not stop after the loop device was gone"
[ "$answer" = stopped ] || fail "$answer"
wait "$daemon"
[ ! -e "$mnt" ] || fail "still there"

start "$mnt"
attach "$mnt"
ask stop
is busy 1
ask stop-now
heard || fail "did not stop"
[ "$answer" = stopped ] || fail "$answer"
wait "$daemon"
! grep -q " $mnt " /proc/self/mountinfo || fail "still mounted"
refused dd if="$loop" of=/dev/null bs=4k count=1 iflag=direct status=none
detach

# Somebody else unmounts it.
start "$mnt"
soon umount "$mnt"
is mounted 0
is unmounted 1
ask stop
heard || fail "did not stop"
wait "$daemon"
[ ! -e "$mnt" ] || fail "still there"
