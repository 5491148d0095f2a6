#!/bin/bash
# SIGKILL at random moments, while the target comes and goes: during outages the journal is read,
# filled, found full and recovered; after them it is drained.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/kill_loop.sh
. "$(dirname "$0")/kill_loop.sh"

# An outage: frozen, or killed and started again.
outage() {
    sleep "0.$((RANDOM % 8 + 1))"
    if [ $((RANDOM % 2)) = 0 ]; then
        kill -STOP "${PID[tgt]}"
        sleep "$((RANDOM % 2)).$((RANDOM % 9))"
        kill -CONT "${PID[tgt]}"
    else
        end tgt KILL
        sleep "$((RANDOM % 2)).$((RANDOM % 9))"
        tgt_start tgt
    fi
}

simple_target "$LUN_BYTES"
kill_loop_start "$(long 600 50)" --length 8388608 -- \
    -o "journal=$T/ring,journal_size=5M,destage=coalesce"
strike_until_calm outage
kill_loop_end "$T/disk"

kill_loop_start "$(long 600 30)" -- -o "journal=$T/ring,destage=ordered"
strike_until_calm outage
kill_loop_end "$T/disk"
