#!/bin/bash
# SIGKILL at random moments, the target up all the time; with and without a journal.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/kill_loop.sh
. "$(dirname "$0")/kill_loop.sh"

simple_target "$LUN_BYTES"
kill_loop_start "$(long 300 15)" -- -o journal=none
kill_loop_end "$T/disk"

# Parts of blocks too: those are read, changed and written.
kill_loop_start "$(long 600 45)" --unit 128 --odd 0.2 -- -o "journal=$T/ring,journal_size=8M"
kill_loop_end "$T/disk"
