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
# refused SECONDS BYTE: a write of it gets an error, rather than wait or be acknowledged.
refused() {
    local status=0
    timeout "$1" nbdsh -u "$NBD" -c "h.pwrite(b'$2' * 4096, 0)" 2>"$T/client.log" || status=$?
    [ "$status" = 1 ]
}
refused 20 b || fail "a write into a reservation was not refused: $(cat "$T/client.log")"
hf_says 5 'reserv' || fail "the log does not say that the LUN is reserved"
hf_status | grep -qi reserv || fail "status does not say that the LUN is reserved"
fake clear
sleep 1
refused 5 c || fail "writes went on after the fence: $(cat "$T/client.log")"
[ "$(fake peek 0 1)" = 61 ] || fail "something was written after the fence"
end hf TERM
end fake KILL

fake_start --size 16M --read-only
hf_start "$FAKE/1"
timeout 10 nbdsh -u "$NBD" -c 'assert h.is_read_only()
h.pread(4096, 0)' || fail "a write-protected LUN is not served read-only"
end hf TERM
