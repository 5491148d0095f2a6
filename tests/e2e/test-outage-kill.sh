#!/bin/bash
# The target is killed and comes back on the same LUN.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/outage.sh
. "$(dirname "$0")/outage.sh"

strike() { end tgt KILL; }
heal() { tgt_start tgt; }

simple_target
URL=$(tgt_url tgt)
outage 20 6
