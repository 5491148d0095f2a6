#!/bin/bash
# Journals that cannot be used: one line each, with the mend, and nothing is changed.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh jq

simple_target 64M
tgt_new tgt2
truncate -s 64M "$T/disk2"
tgt_lun tgt2 1 "$T/disk2"
tgt_start tgt2

waits() { [ "$("$HOLDFAST" status t --json -o "run_dir=$T/run" | jq .volume.parked)" = 1 ]; }

# refused PATTERN JOURNAL [ARGUMENT...]: no start, one line that matches, the journal untouched.
refused() {
    local pattern=$1 journal=$2 before after lines
    before=$(md5sum "$journal" 2>&1 || true)
    : >"$T/refused.log"
    spawn refused "$HOLDFAST" serve "$URL" --name r --nbd "unix:$T/r" \
        --journal "$journal" -o "run_dir=$T/runr" "${@:3}"
    ended_within refused 15 || fail "$pattern: it runs"
    [ "$ENDED" != 0 ] || fail "$pattern: exit status 0"
    lines=$(wc -l <"$T/refused.log")
    [ "$lines" = 1 ] || fail "$pattern: $lines lines"
    grep -qE "$pattern" "$T/refused.log" || fail "not '$pattern'"
    after=$(md5sum "$journal" 2>&1 || true)
    [ "$before" = "$after" ] || fail "$pattern: the journal was changed"
}

# Places.
URL=$(tgt_url tgt)
refused 'is neither none nor memory nor the absolute path' ring
refused 'cannot be made: No such file or directory' "$T/nowhere/ring"
refused 'is neither a file nor a block device' "$T"
refused 'does not exist: is the disk there, and the name right' /dev/no-such-disk
refused 'is the very disk that it is to protect' "$T/lun" --fuse "$T/lun"
refused 'needs [0-9]+ MiB, and there is room for .*smaller journal_size' "$T/huge" \
    -o journal_size=1T
[ ! -e "$T/huge" ] || fail "what could not be made was left behind"

# Contents.
head -c 6M /dev/urandom >"$T/precious"
refused 'holds something, but no journal' "$T/precious"
truncate -s 64K "$T/tiny"
refused 'a journal needs 1024 KiB at least' "$T/tiny"
truncate -s 4M "$T/small"
refused 'has 4096 KiB, a journal needs 5 MiB' "$T/small"

# A ring of another LUN: nothing is sent, and everything waits for the right one.
hf_start "$(tgt_url tgt2)" --journal "$T/ring" -o journal_size=5M,stop_timeout=1s
nbdsh -u "$NBD" -c 'h.pwrite(b"o" * 4096, 0)'
"$HOLDFAST" drain t -o "run_dir=$T/run" 2>"$T/drain.log"
end tgt2 KILL
nbdsh -u "$NBD" -c 'h.pwrite(b"p" * 4096, 4096)'
URL=$(tgt_url tgt 2) # a LUN that nobody serves
refused 'is in use by another process' "$T/ring"
end hf TERM
before=$(head -c 4096 "$T/disk" | md5sum)
hf_start "$(tgt_url tgt)" --journal "$T/ring" -o stop_timeout=1s
hf_says 5 'another LUN answers' || fail "another LUN is taken"
! hf_says 1 'target ready' || fail "another LUN is used"
nbdsh -u "$NBD" -c 'assert h.pread(4096, 4096) == b"p" * 4096' || fail "the overlay is not served"

# A daemon that waits for good can be stopped, and the journal be given up then.
spawn reader nbdsh -u "$NBD" -c 'h.pread(4096, 1 << 20)'
wait_until 5 waits || fail "no read waits"
serial=$(basename "$T/disk2" | md5sum | cut -c1-10)
! "$HOLDFAST" journal discard t --serial "$serial" -o "run_dir=$T/run" >"$T/discard.log" 2>&1 ||
    fail "the journal of a running daemon is discarded"
grep -q "holdfast stop t., .holdfast journal discard $T/ring --serial" "$T/discard.log" ||
    fail "it does not say how"
"$HOLDFAST" stop t --timeout 10s -o "run_dir=$T/run" || fail "it cannot be stopped"
ended_within hf 1 || fail "stop did not wait"
cp "$T/ring" "$T/given-up"
"$HOLDFAST" journal discard "$T/given-up" --serial "$serial" || fail "no discard"
hf_start "$(tgt_url tgt)" --journal "$T/given-up" -o stop_timeout=1s
hf_says 5 'the journal was made' || fail "no new journal"
end hf TERM
[ "$before" = "$(head -c 4096 "$T/disk" | md5sum)" ] || fail "another LUN was written"

# A newer format.
URL=$(tgt_url tgt)
cp "$T/ring" "$T/newer"
/usr/bin/python3 - "$T/newer" <<'EOF'
import struct
import sys

def crc32c(crc, data):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF

with open(sys.argv[1], "r+b") as ring:
    size = ring.seek(0, 2)
    for at in 0, 4096, size - 8192, size - 4096:
        ring.seek(at)
        block = bytearray(ring.read(4096))
        block[8:10] = b"\x02\x00"
        block[4092:] = struct.pack("<I", crc32c(crc32c(0, block[32:48]), block[:4092]))
        ring.seek(at)
        ring.write(block)
EOF
refused 'written by a newer version of holdfast; use that one to drain it' "$T/newer"
! "$HOLDFAST" journal info "$T/newer" >"$T/info.log" 2>&1 || fail "info understands a newer one"
grep -q 'written by a newer version' "$T/info.log" || fail "info does not say that it is newer"

# The right LUN takes it.
tgt_start tgt2
hf_start "$(tgt_url tgt2)" --journal "$T/ring"
"$HOLDFAST" drain t -o "run_dir=$T/run" --timeout 10s 2>"$T/drain.log" || fail "no drain"
end hf TERM
[ "$(head -c 5000 "$T/disk2" | tail -c 1)" = p ] || fail "the LUN lacks what was kept"
