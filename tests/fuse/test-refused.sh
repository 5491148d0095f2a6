#!/bin/bash
# A path that cannot be used: one line that names it, and nothing left behind.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"

expect() { # PATH TEXT
    local status=0
    timeout 10 "$memory_fuse" "$1" </dev/null >"$dir/log" 2>"$dir/err" || status=$?
    [ $status = 1 ] || fail "$1: exit status $status"
    [ "$(wc -l <"$dir/err")" = 1 ] || fail "not one line: $(cat "$dir/err")"
    grep -qF -- "$2" "$dir/err" || fail "\"$2\" is not in: $(cat "$dir/err")"
}
expect "$dir/no/disk.img" "$dir/no/disk.img: the folder $dir/no cannot be used: No such file or directory; make it first"
expect /dev/null "/dev/null: neither a regular file nor a directory"
expect /proc "/proc: proc (proc) is mounted there already"
expect /proc/disk.img "/proc/disk.img: cannot make this file to mount on"

if command -v setpriv >/dev/null; then
    chmod 777 "$dir"
    status=0
    setpriv --reuid=65534 --regid=65534 --clear-groups "$memory_fuse" "$mnt" </dev/null \
        >"$dir/log" 2>"$dir/err" || status=$?
    [ $status = 1 ] || fail "not root: exit status $status"
    grep -qE "start holdfast as root" "$dir/err" || fail "$(cat "$dir/err")"
    [ ! -e "$mnt" ] || fail "left its file behind"
fi
