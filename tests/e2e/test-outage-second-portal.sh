#!/bin/bash
# The target dies on its first portal and comes back on the second one only.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/outage.sh
. "$(dirname "$0")/outage.sh"

strike() { end tgt KILL; }
heal() {
    PORTAL[tgt]=$SECOND
    tgt_start tgt
}

simple_target
URL=$(tgt_url tgt)
SECOND=127.0.0.1:$(free_port)
outage 20 6 -o "portal=$SECOND"
