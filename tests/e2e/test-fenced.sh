#!/bin/bash
# RESERVATION CONFLICT: another initiator owns the LUN. We stop writing for good and say so;
# write protection is an error for writers and nothing for readers.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh

fake_start --size 16M
hf_start "$FAKE/1"
nbdsh -u "$NBD" -c 'h.pwrite(b"a" * 4096, 0)'
fake fault reservation-conflict@write
timeout 20 nbdsh -u "$NBD" -c 'h.pwrite(b"b" * 4096, 0)' 2>"$T/client.log" &&
    fail "a write into a reservation was acknowledged"
hf_says 5 'reserv' || fail "the log does not say that the LUN is reserved"
hf_status | grep -qi reserv || fail "status does not say that the LUN is reserved"
fake clear
sleep 1
timeout 5 nbdsh -u "$NBD" -c 'h.pwrite(b"c" * 4096, 0)' 2>/dev/null &&
    fail "writes went on after the fence"
[ "$(fake peek 0 1)" = 61 ] || fail "something was written after the fence"
end hf TERM
end fake KILL

fake_start --size 16M --read-only
hf_start "$FAKE/1"
timeout 10 nbdsh -u "$NBD" -c 'assert h.is_read_only()
h.pread(4096, 0)' || fail "a write-protected LUN is not served read-only"
end hf TERM
