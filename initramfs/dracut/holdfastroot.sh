#!/bin/sh
# Called each time that the initqueue has settled, until the disk is there. Must not wait: the
# network may be brought up by the very same queue.
# shellcheck disable=SC1091
type need_shutdown >/dev/null 2>&1 || . /lib/dracut-lib.sh

grep -qs ^holdfast: /sys/block/nbd*/backend && exit 0
mkdir -p /run/holdfast
[ -e /run/holdfast/started ] && exit 0

# The network first: DHCP may still have to tell the LUN.
ip route show 2>/dev/null | grep -q . ||
    ip -6 route show 2>/dev/null | grep -qv -e '^fe80:' -e '^::1 ' || exit 0

modprobe -q nbd
if holdfast boot --no-wait >/run/holdfast/boot.out 2>&1; then
    : >/run/holdfast/started
    info "$(grep ' of .* at ' /run/holdfast/boot.out)"
    need_shutdown
fi
exit 0
