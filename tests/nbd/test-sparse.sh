#!/bin/bash
# What was written, zeroed and trimmed is what block status says, in both contexts.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require nbdsh nbdinfo

start_server --size $((16 * 1024 * 1024))
nbdsh -u "$uri" -c '
h.pwrite(b"x" * 65536, 65536)
h.pwrite(b"y" * 65536, 4 << 20, nbd.CMD_FLAG_FUA)
h.flush()
h.pwrite(b"z" * 512, 8 << 20)
h.zero(65536, 5 << 20, nbd.CMD_FLAG_NO_HOLE)
h.trim(32768, 65536)
'
nbdinfo --map "$uri" | awk '{ print $1, $2, $3 }' >"$scratch/map"
cat >"$scratch/expected" <<'MAP'
0 98304 3
98304 32768 0
131072 4063232 3
4194304 65536 0
4259840 983040 3
5242880 65536 2
5308416 3080192 3
8388608 512 0
8389120 8388096 3
MAP
diff "$scratch/expected" "$scratch/map" || fail "base:allocation is wrong"

nbdinfo --map=holdfast:dirty "$uri" | awk '{ print $1, $2, $3 }' >"$scratch/map"
cat >"$scratch/expected" <<'MAP'
0 65536 0
65536 32768 1
98304 5144576 0
5242880 65536 1
5308416 3080192 0
8388608 512 1
8389120 8388096 0
MAP
diff "$scratch/expected" "$scratch/map" || fail "holdfast:dirty is wrong"

nbdsh -u "$uri" -c 'h.flush()'
expect_same "dirty after a flush" "0 16777216 0" \
    "$(nbdinfo --map=holdfast:dirty "$uri" | awk '{ print $1, $2, $3 }')"
stop_server
