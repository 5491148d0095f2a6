#!/bin/sh
# pre-pivot hook, sourced. The daemon was started before the network was surely up: look again by
# which NIC the target is reached, and protect that one in the real root.
if [ -e /run/holdfast/started ]; then
    [ -s /run/holdfast/interface ] || holdfast boot --no-wait >/dev/null 2>&1
    [ -s /run/holdfast/interface ] && /lib/holdfast/protect-nic /run
fi
