#!/bin/bash
# SIGKILL at random moments, while the target crashes and loses its cache: acknowledged writes that
# were on their way to the LUN, or on it and not synchronised, come from the journal again.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/kill_loop.sh
. "$(dirname "$0")/kill_loop.sh"

crash() {
    sleep "$((RANDOM % 2)).$((RANDOM % 9 + 1))"
    lossy_crash
    tgt_start tgt
}

# The LUN's cache was synchronised at the end: what is below it is compared.
lun_is_right() {
    kill_loop_end "$T/img"
    lossy_crash
    tgt_start tgt
}

truncate -s "$LUN_BYTES" "$T/img"
lossy_start "$T/img"
tgt_new tgt
tgt_lun tgt 1 "$T/lossy/disk"
tgt_start tgt
for order in coalesce ordered; do
    kill_loop_start "$(long 400 25)" -- -o "journal=$T/ring,journal_size=8M,destage=$order"
    strike_until_calm crash
    lun_is_right
done

shm_start
kill_loop_start "$(long 200 15)" -- -o "journal=$SHM/ring,journal_size=8M"
strike_until_calm crash
lun_is_right
