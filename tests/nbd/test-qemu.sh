#!/bin/bash
# qemu as the client: convert there and back, compare, map, and qemu-io's own verification.
# shellcheck source=tests/nbd/functions.sh
. "$(dirname "$0")/functions.sh"
require qemu-img qemu-io

size=$((32 * 1024 * 1024))
start_server --size $size

# A sparse image with data at both ends and in the middle.
qemu-img create -q -f raw "$scratch/in" $size
for place in 0 15M 33553920; do
    qemu-io -f raw -c "write -q -P 0x5a $place 512" "$scratch/in"
done
qemu-io -f raw -c "write -q -P 0xa5 4M 3M" "$scratch/in"

for cache in none writeback writethrough; do
    qemu-img convert -n -f raw -O raw -t $cache "$scratch/in" "$uri"
    qemu-img compare -f raw -F raw "$scratch/in" "$uri" >/dev/null || fail "not the same ($cache)"
done
qemu-img convert -f raw -O qcow2 "$uri" "$scratch/out.qcow2"
qemu-img compare -f raw -F qcow2 "$scratch/in" "$scratch/out.qcow2" >/dev/null ||
    fail "not the same on the way back"

# Sparse stays sparse: almost all of the disk reads as zeros without being read.
zero=$(qemu-img map --output=json -f raw "$uri" | /usr/bin/python3 -c '
import json, sys
print(sum(extent["length"] for extent in json.load(sys.stdin) if extent["zero"]))')
[ "$zero" -gt $((size * 8 / 10)) ] || fail "only $zero bytes of $size are known to be zero"

qemu-io -f raw "$uri" -c 'write -P 1 1M 4M' -c 'write -P 2 1000 3000' -c 'read -P 2 1000 3000' \
    -c 'read -P 1 1M 4M' -c 'write -f -P 3 2M 64k' -c 'read -P 3 2M 64k' -c 'discard 8M 1M' \
    -c 'write -z 9M 1M' -c 'read -P 0 9M 1M' -c 'write -z -u 10M 1M' -c 'read -P 0 10M 1M' \
    -c 'aio_write -P 4 11M 1M' -c 'aio_write -P 5 12M 1M' -c 'aio_flush' -c 'read -P 4 11M 1M' \
    -c 'read -P 5 12M 1M' -c 'flush' >"$scratch/qemu-io.out" || fail "qemu-io: $(cat "$scratch/qemu-io.out")"
grep -E 'verification failed|error|rror:' "$scratch/qemu-io.out" && fail "qemu-io found wrong data"
stop_server

# A disk of 4096-byte blocks takes the same unaligned requests.
start_server --size $size --block 4096
qemu-io -f raw "$uri" -c 'write -P 6 511 1025' -c 'read -P 6 511 1025' -c 'read -P 0 0 511' \
    >"$scratch/qemu-io.out" || fail "unaligned: $(cat "$scratch/qemu-io.out")"
grep -E 'verification failed|rror:' "$scratch/qemu-io.out" && fail "unaligned: wrong data"
stop_server
