#!/bin/bash
# Several portals: a dead one is passed over, at the start and later; IPv6 is as good as IPv4.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh

io() {
    timeout "$1" nbdsh -u "$NBD" -c 'h.pwrite(b"p" * 4096, 4096)
assert h.pread(4096, 4096) == b"p" * 4096' || fail "$2"
}
truncate -s 16M "$T/disk"
tgt_new tgt 127.0.0.1 '[::1]'
tgt_lun tgt 1 "$T/disk"
tgt_start tgt 2>/dev/null || skip "no IPv6 here"

hf_start "iscsi://${PORTAL2[tgt]}/$IQN/1"
io 5 "no I/O over IPv6"
end hf TERM

hf_start "iscsi://127.0.0.1:$(free_port)/$IQN/1" -o "portal=${PORTAL2[tgt]}"
io 5 "the second portal was not tried"
end tgt KILL
PORTAL2[tgt]=
end hf KILL

hf_start "$(tgt_url tgt)" -o "portal=[::1]:$(free_port)"
tgt_start tgt
io 5 "the first portal was not tried again"
end hf TERM

# A name that cannot be resolved keeps nobody from the portal that works.
hf_start "iscsi://no-such-host.invalid/$IQN/1" -o "portal=${PORTAL[tgt]}"
io 8 "a name without an address blocks the other portal"
end hf TERM
hf_start "iscsi://localhost:${PORTAL[tgt]##*:}/$IQN/1"
io 5 "a name was not resolved"
