#!/bin/bash
# Runs link_tgt (first argument, with what stands before it: valgrind, say) against a tgtd of its own.
set -euo pipefail

command -v tgtd >/dev/null && command -v tgtadm >/dev/null || exit 77
[ "$(id -u)" = 0 ] || exit 77

dir=$(mktemp -d /tmp/link-tgt.XXXXXX)
tgtd_pid=
cleanup() {
    [ -z "$tgtd_pid" ] || kill -KILL "$tgtd_pid" 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT

# tgtd goes on without its portal when the port is taken: look whose it is.
start_tgtd() {

    control=$((RANDOM % 30000 + 1000))
    port=$((RANDOM % 20000 + 10000))
    tgtd -f -C "$control" --iscsi "portal=127.0.0.1:$port" >"$dir/tgtd.log" 2>&1 &
    tgtd_pid=$!
    for _ in $(seq 50); do
        ss -ltnpH "sport = :$port" | grep -q "pid=$tgtd_pid," && return 0
        kill -0 "$tgtd_pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$tgtd_pid" 2>/dev/null || true
    wait "$tgtd_pid" 2>/dev/null || true
    tgtd_pid=
    return 1
}
start_tgtd || start_tgtd || start_tgtd || { cat "$dir/tgtd.log"; exit 1; }

adm() { tgtadm -C "$control" --lld iscsi "$@"; }
make_target() { # TID NAME
    truncate -s 64M "$dir/$2.img"
    adm --op new --mode target --tid "$1" -T "iqn.2026-11.org.example:$2"
    adm --op new --mode logicalunit --tid "$1" --lun 1 -b "$dir/$2.img"
    adm --op bind --mode target --tid "$1" -I ALL
}
make_target 1 plain
make_target 2 wide
make_target 3 chap
for key in MaxRecvDataSegmentLength FirstBurstLength MaxBurstLength; do
    adm --op update --mode target --tid 2 --name "$key" --value 262144
done
adm --op update --mode target --tid 2 --name HeaderDigest --value CRC32C,None
adm --op new --mode account --user alice --password secret-of-alice
adm --op new --mode account --user target --password secret-of-target
adm --op bind --mode account --tid 3 --user alice
adm --op bind --mode account --tid 3 --user target --outgoing

"$@" "$port" "$tgtd_pid"
