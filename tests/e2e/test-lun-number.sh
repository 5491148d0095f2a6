#!/bin/bash
# LUN numbers above 255 are asked for with flat addressing.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh

for number in 0 255 256 300 16383; do
    fake_start --lun $number
    hf_start "$FAKE/$number"
    timeout 10 nbdsh -u "$NBD" -c 'h.pwrite(b"there" * 100, 512)
h.flush()
assert h.pread(500, 512) == b"there" * 100' || fail "LUN $number cannot be used"
    [ "$(fake peek 512 5)" = 7468657265 ] || fail "LUN $number: the data went elsewhere"
    end hf TERM
    end fake KILL
done
