#!/bin/bash
# The NBD clients of this world find the disk that they expect.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdinfo nbdcopy nbdsh qemu-img qemu-io fio jq

simple_target 64M
hf_start "$(tgt_url tgt)"
SIZE=$((64 << 20))

nbdinfo --json "$NBD" >"$T/info"
[ "$(jq '.exports[0]["export-size"]' "$T/info")" = $SIZE ] || fail "nbdinfo: wrong size"
for ability in can_flush can_fua can_trim can_zero can_multi_conn can_df can_cache; do
    [ "$(jq ".exports[0].$ability" "$T/info")" = true ] || fail "nbdinfo: no $ability"
done
[ "$(nbdinfo --size "$NBD")" = $SIZE ] || fail "nbdinfo --size"
nbdinfo --list "nbd+unix:///?socket=$T/nbd" | grep -q 'export="t"' || fail "nbdinfo --list"
say "nbdinfo is content"

head -c $SIZE /dev/urandom >"$T/a"
nbdcopy "$T/a" "$NBD"
nbdcopy "$NBD" "$T/b"
cmp "$T/a" "$T/b" || fail "nbdcopy: there and back is not the same"
cmp "$T/a" "$T/disk" || fail "the LUN is not what nbdcopy wrote"
say "nbdcopy is content"

qemu-img create -q -f qcow2 "$T/q" 64M
qemu-io -f qcow2 -c 'write -P 7 1M 3M' -c 'write -P 9 40M 64k' "$T/q" >/dev/null
qemu-img convert -n -f qcow2 -O raw "$T/q" "$NBD"
qemu-img compare -f qcow2 -F raw "$T/q" "$NBD" || fail "qemu-img: not the same"
qemu-img convert -f raw -O qcow2 "$NBD" "$T/q2"
qemu-img compare "$T/q" "$T/q2" || fail "qemu-img: not the same on the way back"
qemu-io -f raw "$NBD" -c 'write -P 5 512 1024' -c 'read -P 5 512 1024' -c 'aio_write -P 6 2M 1M' \
    -c aio_flush -c 'read -P 6 2M 1M' -c 'write -z 2M 512k' -c 'read -P 0 2M 512k' \
    -c 'discard 8M 1M' -c 'write -f -P 8 9M 4k' -c flush >"$T/qemu.log" ||
    fail "qemu-io: a command failed"
! grep -qi 'failed' "$T/qemu.log" || fail "qemu-io: a pattern was wrong"
say "qemu is content"

fio --name=f --ioengine=nbd --uri="$NBD" --rw=randrw --bsrange=512-256k --bs_unaligned=1 \
    --iodepth=16 --size=32M --io_size=32M --verify=crc32c --verify_fatal=1 --verify_dump=0 \
    --output="$T/fio.log" || fail "fio"
say "fio is content"

exercise eight "$NBD" --workers 8 --seconds 2
ended_within eight 30 && [ "$ENDED" = 0 ] || fail "eight connections at once"
say "eight connections: $(jq -c 'del(.gaps)' "$T/eight.json")"
for i in 1 2 3 4 5 6 7 8; do spawn "info$i" nbdinfo --size "$NBD"; done
for i in 1 2 3 4 5 6 7 8; do
    ended_within "info$i" 20 && [ "$ENDED" = 0 ] || fail "eight clients at once"
done
end hf TERM
[ "$ENDED" = 0 ] || fail "exit status $ENDED"
/usr/bin/python3 "$TOOLS/exerciser.py" check "$T/disk" --model "$T/eight.model"
