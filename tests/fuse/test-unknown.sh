#!/bin/bash
# The target was never seen: the mount stands, who asks for the disk waits, nobody gets an error.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"

start "$mnt" unknown=1 size=$((32 << 20))
soon stat -f "$mnt" >/dev/null
stat -c %s "$mnt" >"$dir/size" &
stat_pid=$!
dd if="$mnt" of="$dir/data" bs=1M status=none &
dd_pid=$!
is parked 2
sleep 0.5
kill -0 $stat_pid $dd_pid || fail "somebody did not wait"

# Who is killed meanwhile is let go; another signal interrupts nothing.
cat "$mnt" >/dev/null &
cat_pid=$!
is parked 3
kill -TERM $cat_pid
is parked 2
wait $cat_pid && fail "cat succeeded" || [ $? = 143 ] || fail "cat: $?"
kill -CHLD $dd_pid
kill -WINCH $stat_pid
sleep 1.2
is parked 2

ask known
wait $stat_pid || fail "stat: $?"
wait $dd_pid || fail "dd: $?"
[ "$(cat "$dir/size")" = $((32 << 20)) ] || fail "stat said $(cat "$dir/size")"
[ "$(size_of "$dir/data")" = $((32 << 20)) ] || fail "dd got $(size_of "$dir/data")"
stop

# It stops while it knows nothing, too; who waits keeps it busy until its patience is over.
start "$mnt" unknown=1
stop
start "$mnt" unknown=1
stat "$mnt" >/dev/null 2>&1 &
stat_pid=$!
is parked 1
ask stop
is busy 1
ask stop-now
heard || fail "did not stop"
wait $stat_pid && fail "stat succeeded"
wait "$daemon" || fail "memory_fuse failed: $?"
