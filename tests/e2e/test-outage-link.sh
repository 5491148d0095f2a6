#!/bin/bash
# The cable is unplugged at our end: the link goes down, address and routes with it.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/outage.sh
. "$(dirname "$0")/outage.sh"

strike() { ip -n "$NET_CLIENT" link set "$CABLE" down; }
heal() { net_plug; }

far_target
outage 40 12
