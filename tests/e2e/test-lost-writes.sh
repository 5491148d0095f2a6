#!/bin/bash
# The target acknowledges writes, crashes and loses them with its cache: they are written again.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_fuse
need jq

compare() { /usr/bin/python3 "$TOOLS/exerciser.py" check "$1" --model "$T/load.model"; }

# One worker that never flushes but at its end; the daemon is told not to synchronise early either.
write_pattern() {
    nbdsh -u "$NBD" -c - <<'PYTHON'
import sys
for i in range(512):
    h.pwrite(bytes([i % 251 + 1]) * 4096, i * 4096)
PYTHON
}
pattern_in() {
    nbdsh -u "$1" -c - <<'PYTHON'
import sys
wrong = [i for i in range(512) if h.pread(4096, i * 4096) != bytes([i % 251 + 1]) * 4096]
print(len(wrong), "of 512 blocks are not what was acknowledged")
sys.exit(1 if wrong else 0)
PYTHON
}
raw_file() {
    rm -f "$T/raw.sock"
    spawn raw nbdkit -f -r -U "$T/raw.sock" file "$LOSSY_FILE"
    wait_until 5 test -S "$T/raw.sock" || fail "nbdkit does not start"
    pattern_in "nbd+unix:///?socket=$T/raw.sock" >"$T/raw.out"
}

truncate -s 64M "$T/img"
lossy_start "$T/img"
tgt_new tgt
tgt_lun tgt 1 "$T/lossy/disk"
tgt_start tgt
hf_start "$(tgt_url tgt)" -o retain_time=1h,retain=16M

write_pattern
lossy_crash
raw_file && fail "the target lost nothing: the test shows nothing"
grep -q '^[1-9][0-9]* of 512 blocks' "$T/raw.out" || fail "the target's file cannot be read"
end raw KILL
say "the crash lost acknowledged writes, as it should"
tgt_start tgt
pattern_in "$NBD" || fail "what the target acknowledged and lost is not there"

# And under load, with several crashes.
exercise load "$NBD" --offset $((16 << 20)) --length $((16 << 20)) --workers 2 --pause 0.001
for _ in $(seq "$(long 6 2)"); do
    sleep 1.5
    lossy_crash
    sleep 0.5
    tgt_start tgt
done
sleep 2
exercised load
pattern_in "$NBD" || fail "an older write is gone"
end hf TERM
end tgt KILL
umount "$T/lossy/disk"
end nbdkit TERM
compare "$T/img" || fail "the LUN does not hold what was synchronised"
