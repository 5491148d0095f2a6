#!/bin/bash
# The connection is reset every second.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/outage.sh
. "$(dirname "$0")/outage.sh"

strike() { proxy cutter every 1; }
heal() { proxy cutter every off; }

simple_target
proxy_start cutter "${PORTAL[tgt]}"
URL=$(tgt_url cutter)
FLOWS=cuts outage 60 12
say "$(proxy cutter status)"
proxy cutter status | grep -q 'cuts=[1-9]' || fail "nothing was cut"
