#!/bin/bash
# Header digests: used when asked for, and a target that does not answer the key is no trap.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh

try() {
    hf_start "$1" "${@:2}"
    timeout 10 nbdsh -u "$NBD" -c 'h.pwrite(b"d" * 300000, 4096)
assert h.pread(300000, 4096) == b"d" * 300000' || fail "no I/O"
    end hf TERM
}
simple_target 16M
hf_start "$(tgt_url tgt)" -o header_digest=crc32c
hf_says 5 'header_digest=none' || fail "a target without digests: the log does not say the mend"
end hf KILL
tgt_do tgt --op update --mode target --tid 1 --name HeaderDigest --value CRC32C
try "$(tgt_url tgt)" -o header_digest=crc32c
tgt_do tgt --op update --mode target --tid 1 --name HeaderDigest --value None
try "$(tgt_url tgt)" -o header_digest=none
fake_start
try "$FAKE/1" -o header_digest=crc32c
fake fault no-header-digest
try "$FAKE/1" -o header_digest=none
say "with and without a digest"
