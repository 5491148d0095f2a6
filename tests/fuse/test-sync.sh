#!/bin/bash
# fsync, fdatasync and O_DSYNC reach the volume; plain writes cost no flush.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"

write() { soon dd if=/dev/zero of="$mnt" bs=4k count=3 status=none "$@"; }
start "$mnt"
write conv=notrunc
[ "$(field flushes)" = 0 ] || fail "$answer"
[ "$(field last_write_flags)" = 0 ] || fail "$answer"
write conv=notrunc,fsync
[ "$(field flushes)" = 1 ] || fail "$answer"
write conv=notrunc,fdatasync
[ "$(field flushes)" = 2 ] || fail "$answer"

# The kernel sends no fsync after these: without FUA they would be lies.
for flags in dsync sync direct,dsync; do
    write conv=notrunc
    [ "$(field last_write_flags)" = 0 ] || fail "$answer"
    write conv=notrunc oflag=$flags
    [ "$(field last_write_flags)" = 1 ] || fail "$flags: no FUA: $answer"
done
write conv=notrunc
soon /usr/bin/python3 - "$mnt" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
os.pwritev(fd, [b"x" * 4096], 0, os.RWF_DSYNC)
PY
[ "$(field last_write_flags)" = 1 ] || fail "RWF_DSYNC: no FUA: $answer"
stop
