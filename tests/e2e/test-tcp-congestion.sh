#!/bin/bash
# The session's congestion control: cubic if nobody chose, what was chosen, or the system's.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh ss

# uses NAME OPTION...: the connection has it, and data go through it.
uses() {
    hf_start "$(tgt_url tgt)" "${@:2}"
    timeout 10 nbdsh -u "$NBD" -c 'h.pwrite(b"c" * 300000, 4096)
assert h.pread(300000, 4096) == b"c" * 300000' || fail "$*: no I/O"
    ss -Htin state established dst "${PORTAL[tgt]}" | grep -qw "$1" ||
        fail "$*: $(ss -Htin state established dst "${PORTAL[tgt]}")"
    end hf TERM
}
SYSTEM=$(cat /proc/sys/net/ipv4/tcp_congestion_control)
simple_target 16M
if grep -qw cubic /proc/sys/net/ipv4/tcp_available_congestion_control; then
    uses cubic
fi
uses reno -o tcp_congestion=reno
uses "$SYSTEM" -o tcp_congestion=system
hf_says 1 "has no" && fail "a warning about what the kernel has"
uses "$SYSTEM" -o tcp_congestion=nosuch
hf_says 1 "has no 'nosuch' .load its module, tcp_nosuch.; the system's is used" ||
    fail "no warning about what the kernel has not"
say "cubic, what was chosen, and the system's"
