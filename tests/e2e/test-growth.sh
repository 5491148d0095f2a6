#!/bin/bash
# The LUN grows while it is served: the file grows, new NBD clients see it; data stay.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_fuse
need nbdsh nbdinfo

fake_start --size 16M
FUSE=1 hf_start "$FAKE/1"
nbdsh -u "$NBD" -c 'h.pwrite(b"old" * 1024, 0)'
[ "$(stat -c %s "$T/lun")" = $((16 << 20)) ] || fail "wrong size at the start"
fake resize $((32 << 20))
fake ua 6/2a/09
nbdsh -u "$NBD" -c 'h.pread(512, 0)'
grown() { [ "$(nbdinfo --size "$NBD")" = $((32 << 20)) ]; }
wait_until 8 grown || fail "NBD does not show the growth"
file_grown() { [ "$(stat -c %s "$T/lun")" = $((32 << 20)) ]; }
wait_until 5 file_grown || fail "the file does not show the growth"
nbdsh -u "$NBD" -c 'h.pwrite(b"new" * 1024, 20 << 20)
assert h.pread(3072, 20 << 20) == b"new" * 1024
assert h.pread(3072, 0) == b"old" * 1024'

# Growth over an outage is found at the login.
fake refuse
fake cut
fake resize $((48 << 20))
sleep 1
fake accept
regrown() { [ "$(timeout 3 nbdinfo --size "$NBD")" = $((48 << 20)) ]; }
wait_until 8 regrown || fail "growth during an outage was not seen"
# A LUN that shrank is not the LUN that it was.
fake cut
fake resize $((16 << 20))
hf_says 8 'another LUN answers.*expected' || fail "nobody says that the LUN shrank"
