#!/bin/bash
# A persistent journal in an outage: writes and flushes go on, a killed daemon comes back with what
# it acknowledged while the target is still away, and all of it reaches the LUN afterwards.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh jq nbdinfo

journal() { hf_status --json | jq -r ".journal.$1"; }
hf_start_here() { hf_start "$(tgt_url tgt)" --journal "$T/ring" -o journal_size=16M; }

simple_target 64M
hf_start_here
nbdsh -u "$NBD" -c 'h.pwrite(b"a" * 65536, 0)
h.flush()'
[ "$(journal state)" = open ] || fail "the journal is $(journal state)"
"$HOLDFAST" drain t -o "run_dir=$T/run" || fail "no drain"
[ "$(journal entries)" = 0 ] || fail "drained, but the ring is not empty"

end tgt KILL
hf_says 5 'gone' || fail "the log does not say that the target is gone"
nbdsh -u "$NBD" -c 'h.pwrite(b"b" * 4096, 4096)
h.pwrite(b"c" * 1024, 30208)
h.zero(8192, 16384)
h.flush()
assert h.pread(4096, 4096) == b"b" * 4096'
less 0 "$(journal oldest_unsent_seconds)" || fail "the age of what is not sent is missing"
nbdinfo --map=holdfast:dirty --json "$NBD" >"$T/map.json"
jq -e '.[] | select(.offset == 4096 and .length == 4096 and .type == 1)' "$T/map.json" ||
    fail "the map does not show what is dirty: $(cat "$T/map.json")"

end hf KILL
hf_start_here
nbdsh -u "$NBD" -c 'assert h.pread(4096, 4096) == b"b" * 4096
assert h.pread(8192, 16384) == bytes(8192)
h.pwrite(b"d" * 512, 4096)
h.flush()'
! "$HOLDFAST" drain t --timeout 1s -o "run_dir=$T/run" 2>"$T/drain" || fail "drained to nowhere"
grep -q 'are not on the LUN after 1' "$T/drain" || fail "drain says: $(cat "$T/drain")"

tgt_start tgt
"$HOLDFAST" drain t --timeout 20s -o "run_dir=$T/run" 2>"$T/drain" || fail "$(cat "$T/drain")"
end hf
[ "$ENDED" = 0 ] || fail "exit status $ENDED"
/usr/bin/python3 - "$T/disk" <<'EOF' || fail "the LUN is not what was written"
import sys
want = bytearray(b"a" * 65536)
want[4096:8192] = b"d" * 512 + b"b" * 3584
want[30208:31232] = b"c" * 1024
want[16384:24576] = bytes(8192)
assert open(sys.argv[1], "rb").read(65536) == bytes(want)
EOF
"$HOLDFAST" journal info "$T/ring" | grep -q '^state *empty' || fail "the journal is not empty"
