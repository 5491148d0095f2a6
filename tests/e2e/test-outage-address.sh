#!/bin/bash
# Our address is flushed (a DHCP client that lost its lease), and comes back.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/outage.sh
. "$(dirname "$0")/outage.sh"

strike() { ip -n "$NET_CLIENT" addr flush dev "$CABLE"; }
heal() { net_plug; }

far_target
outage 40 12
