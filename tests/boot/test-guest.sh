#!/bin/bash
# The guest itself: it boots, holdfast logs in to a target outside, and reads and writes over NBD.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../e2e/functions.sh"
# shellcheck source=tests/boot/guest.sh
. "$(dirname "$0")/guest.sh"

head -c 4M /dev/urandom >"$T/disk"
sum=$(sha256sum <"$T/disk" | cut -d ' ' -f 1)
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_start tgt

guest_program nbdcopy
# shellcheck disable=SC2119
guest_start <<END
network_up
hf_start iscsi://$GUEST_HOST:${PORTAL[tgt]##*:}/$IQN/1 --nbd unix:/run/nbd
nbdcopy 'nbd+unix:///t?socket=/run/nbd' /run/copy
[ "\$(sha256sum </run/copy | cut -d ' ' -f 1)" = $sum ] || fail "the LUN reads otherwise"
say "read"
told write
dd if=/dev/urandom of=/run/copy bs=64k count=64
nbdcopy --flush /run/copy 'nbd+unix:///t?socket=/run/nbd'
say "written: \$(sha256sum </run/copy)"
kill \$HF
wait \$HF || fail "exit status \$?"
END
guest_says 120 ' read$' || fail "the guest does not read"
guest_tell write
guest_ends 60
sum=$(sha256sum <"$T/disk" | cut -d ' ' -f 1)
grep -q "written: $sum" "$T/script.log" || fail "the LUN holds something else than was written"
