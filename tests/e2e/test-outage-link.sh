#!/bin/bash
# The cable is unplugged at our end: the link goes down, address and routes with it.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/outage.sh
. "$(dirname "$0")/outage.sh"

strike() { ip -n "$NET_CLIENT" link set "$CABLE" down; }
heal() { net_plug; }

net_start
truncate -s 512M "$T/disk"
tgt_new tgt 10.78.0.1
tgt_lun tgt 1 "$T/disk" 512 thin_provisioning=1
tgt_start tgt
URL=$(tgt_url tgt)
outage 40 12
