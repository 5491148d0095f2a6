#!/bin/bash
# SIGKILL at random moments, the target up all the time.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/kill_loop.sh
. "$(dirname "$0")/kill_loop.sh"

simple_target $LUN_BYTES
kill_loop_start "$(long 300 20)" -- -o journal=none
kill_loop_end "$T/disk"
