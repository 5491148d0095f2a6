#!/bin/bash
# The route to the target is removed, and comes back.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/outage.sh
. "$(dirname "$0")/outage.sh"

strike() { ip -n "$NET_CLIENT" route del 10.78.0.0/24; }
heal() { net_plug; }

far_target
outage 40 12
