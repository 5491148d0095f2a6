#!/bin/bash
# A write that is stuck inside the target when its session dies never overwrites newer data.
#
# One thread of tgtd is held in pwrite() by strace. What is unanswered then is stuck; the
# connection is cut, the daemon logs in again, fences, and sends again what was unanswered. A
# newer write to the same blocks is made, and must still be there when the thread is let go.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need strace nbdsh
need_root

simple_target 64M
proxy_start cutter "${PORTAL[tgt]}"
hf_start "$(tgt_url cutter)"

# The LUN's worker threads exist now; one of them gets stuck for 5 s in each write.
threads=("/proc/${PID[tgt]}/task"/*)
[ "${#threads[@]}" -gt 2 ] || fail "tgtd has no worker threads"
spawn strace strace -p "${threads[-1]##*/}" -e trace=pwrite64 \
    -e inject=pwrite64:delay_enter=5000000
wait_until 5 grep -q attached "$T/strace.log" || skip "strace cannot attach here"

NBD=$NBD CUT="$TOOLS/control.py $T/cutter.sock cut" DISK=$T/disk /usr/bin/python3 - <<'PYTHON'
import os, sys, time
import nbd

h = nbd.NBD()
h.connect_uri(os.environ["NBD"])
started = time.monotonic()
stuck = []
while not stuck and time.monotonic() < started + 20:
    writes = [(i, h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(b"A" * 4096)), i * 4096))
              for i in range(64)]
    until = time.monotonic() + 1
    while time.monotonic() < until:
        h.poll(100)
    stuck = [i for i, cookie in writes if not h.aio_command_completed(cookie)]
if not stuck:
    sys.exit("no write got stuck: the test shows nothing")
print("stuck:", stuck, flush=True)
os.system(os.environ["CUT"])
while h.aio_in_flight():
    h.poll(1000)
    if time.monotonic() > started + 60:
        sys.exit("the stuck writes were never answered")
for i in range(64):
    h.pwrite(b"B" * 4096, i * 4096)
h.flush()
time.sleep(7)
wrong = [i for i in range(64) if h.pread(4096, i * 4096) != b"B" * 4096]
if wrong:
    sys.exit(f"GHOST: blocks {wrong} went back to the older data")
with open(os.environ["DISK"], "rb") as disk:
    if disk.read(64 * 4096) != b"B" * 64 * 4096:
        sys.exit("GHOST: the LUN went back to the older data")
print("the newer data stayed")
PYTHON
