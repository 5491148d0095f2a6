#!/bin/bash
# Mounted on a directory, the disk is the file `disk` in it.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"

mkdir "$dir/d"
start "$dir/d" size=1048576 mode=640 uid=1 gid=2
[ "$(ls "$dir/d")" = disk ] || fail "ls: $(ls -a "$dir/d")"
[ "$(stat -c '%F %s %a %u %g' "$dir/d/disk")" = "regular empty file 1048576 640 1 2" ] ||
    [ "$(stat -c '%F %s %a %u %g' "$dir/d/disk")" = "regular file 1048576 640 1 2" ] ||
    fail "$(stat "$dir/d/disk")"
[ "$(stat -c '%F %a' "$dir/d")" = "directory 550" ] || fail "$(stat "$dir/d")"
head -c 1048576 /dev/urandom >"$dir/src"
soon dd if="$dir/src" of="$dir/d/disk" bs=64k status=none
soon cmp "$dir/src" "$dir/d/disk"
refused touch "$dir/d/other"
refused rm "$dir/d/disk"
refused cat "$dir/d/other"
soon chmod 600 "$dir/d/disk"
soon chown 3:4 "$dir/d/disk"
soon touch -d @1000 "$dir/d/disk"
[ "$(stat -c '%a %u %g %Y' "$dir/d/disk")" = "600 3 4 1000" ] || fail "$(stat "$dir/d/disk")"
ask grow 2097152
[ "$(size_of "$dir/d/disk")" = 2097152 ] || fail "did not grow"
mnt=$dir/d
stop
[ -d "$dir/d" ] || fail "removed the directory"

# Whoever the mode does not allow is kept out, root's mount or not.
if command -v setpriv >/dev/null; then
    chmod 755 "$dir"
    start "$dir/d" mode=640 uid=1 gid=2
    refused setpriv --reuid=65534 --regid=65534 --clear-groups cat "$dir/d/disk"
    grep -q "Permission denied" "$dir/err" || fail "$(cat "$dir/err")"
    soon setpriv --reuid=65534 --regid=2 --clear-groups dd if="$dir/d/disk" of=/dev/null bs=4k count=1 status=none
    stop
fi

# A disk that is write-protected.
start "$dir/d" read_only=1
soon dd if="$dir/d/disk" of=/dev/null bs=4k count=1 status=none
refused dd if=/dev/zero of="$dir/d/disk" bs=4k count=1 conv=notrunc status=none
grep -q "Read-only" "$dir/err" || fail "$(cat "$dir/err")"
stop
