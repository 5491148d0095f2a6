#!/bin/bash
# An idle daemon wakes no more than once a second, with the target up and with it away.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_fuse
need nbdsh

wake_ups() { # of all threads
    cat /proc/"${PID[hf]}"/task/*/status | awk '/^voluntary_ctxt/ { sum += $2 } END { print sum }'
}
idle() {
    local seconds before count
    seconds=$(long 60 8)
    sleep 3 # what was begun is over
    before=$(wake_ups)
    sleep "$seconds"
    count=$(($(wake_ups) - before))
    say "$1: $count wake-ups in $seconds s"
    [ "$count" -le "$seconds" ] || fail "$1: $count wake-ups in $seconds s"
}

simple_target 16M
FUSE=1 hf_start "$(tgt_url tgt)"
nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 512, 0)'
idle "target up"
end tgt KILL
idle "target away"
