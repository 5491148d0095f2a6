#!/bin/bash
# Broken requests get the error that the NBD protocol asks for, and nothing else is disturbed.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh

simple_target 64M
hf_start "$(tgt_url tgt)"
NBD=$NBD /usr/bin/python3 - <<'PYTHON'
import errno, os, sys
import nbd

SIZE = 64 << 20
wrong = []


def handle(**how):
    h = nbd.NBD()
    h.set_strict_mode(0)
    for name, value in how.items():
        getattr(h, name)(*value)
    h.connect_uri(os.environ["NBD"])
    return h


def expect(what, error, call):
    try:
        call()
        got = "no error"
    except nbd.Error as e:
        got = e.errnum
    name = errno.errorcode.get(got, got)
    print(f"{what}: {name}")
    if got not in (error if isinstance(error, tuple) else (error,)):
        wrong.append(f"{what}: {name} instead of {error}")


block = b"x" * 512
for structured in (True, False):
    h = handle(set_request_structured_replies=(structured,),
               **({"add_meta_context": ("base:allocation",)} if structured else {}))
    how = "structured" if structured else "simple"
    expect(f"{how}: read beyond the end", errno.EINVAL, lambda: h.pread(512, SIZE))
    expect(f"{how}: read across the end", errno.EINVAL, lambda: h.pread(1024, SIZE - 512))
    expect(f"{how}: read far beyond", errno.EINVAL, lambda: h.pread(512, 1 << 62))
    expect(f"{how}: write beyond the end", errno.ENOSPC, lambda: h.pwrite(block, SIZE))
    expect(f"{how}: write across the end", errno.ENOSPC, lambda: h.pwrite(block * 2, SIZE - 512))
    expect(f"{how}: trim beyond the end", errno.EINVAL, lambda: h.trim(512, SIZE))
    expect(f"{how}: zero beyond the end", errno.ENOSPC, lambda: h.zero(512, SIZE))
    expect(f"{how}: unknown flag on a write", errno.EINVAL, lambda: h.pwrite(block, 0, 1 << 14))
    expect(f"{how}: FAST_ZERO on a read", errno.EINVAL,
           lambda: h.pread(512, 0, nbd.CMD_FLAG_FAST_ZERO))
    expect(f"{how}: flag on a flush", errno.EINVAL, lambda: h.flush(nbd.CMD_FLAG_NO_HOLE))
    expect(f"{how}: 33 MiB read", (errno.EINVAL, errno.EOVERFLOW), lambda: h.pread(33 << 20, 0))
    if not structured:
        expect("block status without a context", errno.EINVAL,
               lambda: h.block_status(512, 0, lambda *a: 0))
    else:
        expect("block status beyond the end", errno.EINVAL,
               lambda: h.block_status(512, SIZE, lambda *a: 0))
    h.pwrite(b"fine" * 1024, 4096)
    assert h.pread(4096, 4096) == b"fine" * 1024, "the connection is hurt"
    for offset in (1, 511, 4095):
        h.pwrite(b"unaligned", offset)
        assert h.pread(9, offset) == b"unaligned"
    h.shutdown()

for name in ("no such export", "x" * 4096):
    h = nbd.NBD()
    h.set_export_name(name)
    try:
        h.connect_unix(os.environ["NBD"].partition("socket=")[2])
        wrong.append("an export that does not exist was opened")
    except nbd.Error as e:
        print(f"{name[:20]}: {e.errno or e.string}"[:150])
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
PYTHON
alive hf || fail "the daemon died"
