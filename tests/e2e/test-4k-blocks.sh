#!/bin/bash
# A LUN with 4096-byte blocks takes requests of any alignment, atomic against their neighbours.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_fuse
need nbdsh fio

truncate -s 64M "$T/disk"
tgt_new tgt
tgt_lun tgt 1 "$T/disk" 4096
tgt_start tgt
FUSE=1 hf_start "$(tgt_url tgt)"

NBD=$NBD FILE=$T/lun /usr/bin/python3 - <<'PYTHON'
import os, random
import nbd

SIZE = 1 << 20
h = nbd.NBD()
h.connect_uri(os.environ["NBD"])
fd = os.open(os.environ["FILE"], os.O_RDWR)
model = bytearray(SIZE)
dice = random.Random(4096)
for i in range(1500):
    offset = dice.randrange(SIZE - 1)
    length = min(dice.choice((1, 7, 512, 513, 4096, 5000, 20000)), SIZE - offset)
    data = dice.randbytes(length)
    what = dice.randrange(8)
    if what < 4:
        h.pwrite(data, offset)
    elif what < 6:
        os.pwrite(fd, data, offset)
    elif what < 7:
        data = bytes(length)
        h.zero(length, offset)
    else:
        assert h.pread(length, offset) == model[offset:offset + length], f"NBD read {i}"
        assert os.pread(fd, length, offset) == model[offset:offset + length], f"file read {i}"
        continue
    model[offset:offset + length] = data
assert h.pread(SIZE, 0) == model, "the disk is not what was written"

# Neighbours in one block, all in flight at once.
base = 8 << 20
for round in range(20):
    pieces = [(base + i * 37, dice.randbytes(37)) for i in range(110)]
    for offset, data in dice.sample(pieces, len(pieces)):
        h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(data)), offset)
    while h.aio_in_flight():
        h.poll(1000)
    assert h.pread(110 * 37, base) == b"".join(d for _, d in pieces), "a neighbour was torn"
h.flush()
PYTHON
fio --name=f --ioengine=nbd --uri="$NBD" --rw=randrw --bsrange=512-64k --bs_unaligned=1 \
    --iodepth=16 --size=16M --offset=32M --verify=crc32c --verify_fatal=1 --verify_dump=0 \
    --output="$T/fio.log" || fail "fio"
end hf TERM
[ "$ENDED" = 0 ] || fail "exit status $ENDED"
