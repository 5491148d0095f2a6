#!/bin/bash
# Another LUN answers at the address after an outage: not one write reaches it.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh jq

simple_target 64M
hf_start "$(tgt_url tgt)"
nbdsh -u "$NBD" -c 'h.pwrite(b"mine" * 1024, 0)'
exercise load "$NBD" --offset 1048576 --length 16777216 --workers 2 --pause 0.001
sleep 1
end tgt KILL

truncate -s 64M "$T/stranger"
printf 'somebody else' | dd of="$T/stranger" conv=notrunc status=none
before=$(sha256sum <"$T/stranger")
PORTAL[other]=${PORTAL[tgt]}
portal=${PORTAL[tgt]}
tgt_new other
PORTAL[other]=$portal
tgt_lun other 1 "$T/stranger" 512 thin_provisioning=1
tgt_start other
hf_says 15 'wrong|another|different' || fail "the log does not say that it is another LUN"
sleep "$(long 20 5)"
hf_status >"$T/status.log"
grep -qiE 'wrong|another|different' "$T/status.log" || fail "status does not say so"
alive load || fail "requests failed instead of waiting"
end other KILL
[ "$(sha256sum <"$T/stranger")" = "$before" ] || fail "THE OTHER LUN WAS WRITTEN TO"

tgt_start tgt
back=$(now)
sleep "$(long 12 8)"
exercised load
flowing_within 7 "$back" load
nbdsh -u "$NBD" -c 'assert h.pread(4096, 0) == b"mine" * 1024'
