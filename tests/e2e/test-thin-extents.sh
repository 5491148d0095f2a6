#!/bin/bash
# A thin LUN: block status is what was written and trimmed, and trimmed blocks read as zeros.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_fuse
need nbdinfo nbdsh jq blkdiscard

simple_target 64M
FUSE=1 hf_start "$(tgt_url tgt)"

# The map as "offset length type", neighbours of one type joined.
map() { nbdinfo --map --json "$NBD" | jq -r '.[] | "\(.offset) \(.length) \(.type)"'; }
expect() {
    map >"$T/map"
    printf '%s\n' "$@" | diff - "$T/map" || fail "the map is another one"
}

expect "0 67108864 3"
nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 1048576, 1048576)
h.pwrite(b"y" * 1048576, 8388608)'
expect "0 1048576 3" "1048576 1048576 0" "2097152 6291456 3" "8388608 1048576 0" \
    "9437184 57671680 3"
nbdsh -u "$NBD" -c 'h.trim(524288, 1048576)
h.zero(1048576, 8388608)
assert not any(h.pread(524288, 1048576)), "trimmed blocks are not zeros"
assert h.pread(524288, 1572864) == b"x" * 524288, "trimming hit its neighbour"'
map >"$T/map"
grep -q '^1572864 524288 0$' "$T/map" || fail "what was written is not shown"
[ "$(nbdinfo --map --totals --json "$NBD" | jq '[.[] | select(.type == 0).size] | add')" -le \
    $((524288 + 1048576)) ] || fail "trimmed blocks are shown as data"
nbdsh -u "$NBD" -c 'assert not any(h.pread(1048576, 8388608)), "zeroed blocks are not zeros"'

# The same through the file: a hole punched, and found by SEEK_HOLE.
fallocate --punch-hole --offset 1572864 --length 524288 "$T/lun"
! map | grep -q '^1572864 .* 0$' || fail "a punched hole is shown as data"
/usr/bin/python3 - "$T/lun" <<'PYTHON'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
os.pwrite(fd, b"z" * 4096, 20 << 20)
os.fsync(fd)
assert os.lseek(fd, 10 << 20, os.SEEK_DATA) == 20 << 20, "SEEK_DATA does not find the data"
assert os.lseek(fd, 20 << 20, os.SEEK_HOLE) == (20 << 20) + 4096, "SEEK_HOLE: not the end of it"
PYTHON
# What we say is what the target's file system has.
allocated=$(($(stat -c '%b * %B' "$T/disk")))
[ "$allocated" -lt $((4 << 20)) ] || fail "the target still holds $allocated bytes"
