#!/bin/bash
# fallocate(2) and lseek(2) with SEEK_DATA and SEEK_HOLE.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"
need fallocate

is_zero() { [ -z "$(dd if="$mnt" bs=4096 skip="$1" count="$2" status=none | tr -d '\0' | head -c1)" ]; }
seeks() {
    /usr/bin/python3 - "$mnt" <<'PY'
import errno, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
at, found = 0, []
size = os.fstat(fd).st_size
while at < size:
    try:
        data = os.lseek(fd, at, os.SEEK_DATA)
    except OSError as e:
        assert e.errno == errno.ENXIO, e
        break
    hole = os.lseek(fd, data, os.SEEK_HOLE)
    found.append("%d-%d" % (data, hole))
    at = hole
for whence in (os.SEEK_DATA, os.SEEK_HOLE):
    try:
        os.lseek(fd, size, whence)
        sys.exit("seek at the end succeeded")
    except OSError as e:
        assert e.errno == errno.ENXIO, e
print(*found)
PY
}

start "$mnt" size=1048576
[ "$(seeks)" = "" ] || fail "a new disk has data: $(seeks)"
soon dd if=/dev/urandom of="$mnt" bs=4096 count=256 status=none
[ "$(seeks)" = "0-1048576" ] || fail "a full disk has holes: $(seeks)"

soon fallocate -p -o 8192 -l 16384 "$mnt"
is_zero 2 4 || fail "a punched hole is not zero"
! is_zero 1 1 && ! is_zero 6 1 || fail "the hole is too large"
[ "$(field last_zeroes_flags)" = 4 ] || fail "$answer"
[ "$(seeks)" = "0-8192 24576-1048576" ] || fail "$(seeks)"

soon fallocate -z -n -o 65536 -l 4096 "$mnt"
is_zero 16 1 || fail "a zeroed range is not zero"
[ "$(field last_zeroes_flags)" = 2 ] || fail "space was given up: $answer"
[ "$(seeks)" = "0-8192 24576-65536 69632-1048576" ] || fail "$(seeks)"

# Many small extents: more than one answer of the volume holds.
for i in $(seq 32 2 250); do soon fallocate -p -o $((i * 4096)) -l 4096 "$mnt"; done
[ "$(seeks | wc -w)" -gt 100 ] || fail "$(seeks)"

# Sizes stay.
soon fallocate -l 1048576 "$mnt"
refused fallocate -l 1048577 "$mnt"
grep -q "too large" "$dir/err" || fail "$(cat "$dir/err")"
refused fallocate -z -o 1044480 -l 8192 "$mnt"
soon fallocate -p -o 1044480 -l 8192 "$mnt"
is_zero 255 1 || fail "a hole up to the end"
refused truncate -s 4096 "$mnt"
refused truncate -s 0 "$mnt"
refused truncate -s +1 "$mnt"
soon truncate -s 1048576 "$mnt"
[ "$(size_of "$mnt")" = 1048576 ] || fail "the size changed"
stop

# Zeroes that would be slow: refused, so that the caller does what it thinks right.
start "$mnt" size=1048576 fast_zero=0
refused fallocate -p -o 0 -l 4096 "$mnt"
grep -q "unsupported" "$dir/err" || fail "$(cat "$dir/err")"
soon fallocate -z -n -o 0 -l 4096 "$mnt"
stop
