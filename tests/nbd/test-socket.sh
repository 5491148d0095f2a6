#!/bin/bash
# A stale socket is replaced, a live one refused; TCP works on IPv4, and on IPv6 where there is any.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require nbdinfo

start_server
"$MEMORY_NBD" --listen "unix:$socket" 2>"$scratch/err" && fail "two servers on one path"
grep -q "$socket is in use" "$scratch/err" || fail "unclear: $(cat "$scratch/err")"
expect_same "lines of the complaint" 1 "$(wc -l <"$scratch/err")"
nbdinfo --size "$uri" >/dev/null || fail "the first server suffered"

kill -KILL "$server"
wait "$server" 2>/dev/null || true
[ -S "$socket" ] || fail "no stale socket to test with"
start_server
expect_same "mode of the socket" 600 "$(stat -c %a "$socket")"
nbdinfo --size "$uri" >/dev/null
stop_server

start_tcp_server 127.0.0.1
nbdinfo --size "$uri" >/dev/null
"$MEMORY_NBD" --listen "tcp:$address" 2>"$scratch/err" && fail "two servers on one port"
grep -q "cannot listen on tcp:$address: Address already in use" "$scratch/err" ||
    fail "unclear: $(cat "$scratch/err")"
stop_server

if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
    start_tcp_server '[::1]'
    nbdinfo --size "$uri" >/dev/null
    stop_server
fi
