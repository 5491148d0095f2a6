#!/bin/bash
# After SIGKILL the same command starts again, whoever still holds the dead mount.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"
need_loop

touch "$mnt"
start "$mnt"
attach "$mnt"
for _ in 1 2; do
    kill -9 "$daemon"
    wait "$daemon" || true
    found=$(stat "$mnt" 2>&1) || true
    [[ "$found" == *"not connected"* ]] || fail "is not dead: $found"
    start "$mnt"
    soon dd if="$mnt" of=/dev/null bs=1M count=1 status=none
done
detach

# But not under one that lives, known or not.
! "$memory_fuse" "$mnt" </dev/null 2>"$dir/err" || fail "two on one path"
grep -q "memory_fuse: $mnt: holdfast:memory is served there already" "$dir/err" || fail "$(cat "$dir/err")"
soon stat "$mnt" >/dev/null
stop
[ -e "$mnt" ] || fail "removed a file that was not made by it"
start "$mnt" unknown=1
! timeout 10 "$memory_fuse" "$mnt" </dev/null 2>"$dir/err" || fail "two on one path"
grep -q "is served there already" "$dir/err" || fail "$(cat "$dir/err")"
stop
