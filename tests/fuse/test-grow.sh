#!/bin/bash
# The LUN grows while it is served.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"
need_loop

start "$mnt" size=$((16 << 20))
attach "$mnt"
[ "$(size_of "$mnt")" = $((16 << 20)) ] || fail "before"
ask grow $((24 << 20))
[ "$(size_of "$mnt")" = $((24 << 20)) ] || fail "stat says $(size_of "$mnt")"
soon losetup --set-capacity "$loop"
[ "$(blockdev --getsize64 "$loop")" = $((24 << 20)) ] || fail "the loop device did not grow"
soon dd if=/dev/urandom of="$dir/new" bs=1M count=8 status=none
soon dd if="$dir/new" of="$loop" bs=1M seek=16 oflag=direct status=none
soon dd if="$mnt" of="$dir/read" bs=1M skip=16 status=none
soon cmp "$dir/new" "$dir/read"
detach

# While requests are under way: the notice must not wait for them.
ask hold
soon dd if=/dev/zero of="$mnt" bs=4k count=1 conv=notrunc oflag=direct status=none &
is held 1
ask grow $((25 << 20))
[ "$(timeout 5 stat -c %s "$mnt")" = $((25 << 20)) ] || fail "the size while a write waits"
ask release
wait $! || fail "the write failed"
stop
