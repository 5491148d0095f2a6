#!/bin/bash
# The daemon's memory stays under 64 MiB with default settings and 128 requests in flight, also
# while they are parked, and whatever their size. It is taken when the first client comes.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need fio nbdsh
BOUND_KIB=65536

simple_target
hf_start "$(tgt_url tgt)"
wait_until 10 grep -q 'target ready' "$T/hf.log" || fail "no session"
alone=$(status_figure hf VmRSS)
say "without a client: $alone KiB resident"
[ -n "${HOLDFAST_SANITIZED-}" ] || [ "$alone" -lt 20480 ] || fail "without a client: $alone KiB"
timeout 10 nbdsh -u "$NBD" -c 'h.pread(512, 0)' || fail "no read"
if [ "$(status_figure hf VmLck)" -gt 0 ]; then # not where that is refused
    [ "$(status_figure hf VmRSS)" -gt 32768 ] || fail "a client is there, and not all memory"
fi
fio --name=m --ioengine=nbd --uri="$NBD" --rw=randrw --bsrange=4k-1m --iodepth=128 --size=256M \
    --time_based --runtime="$(long 20 3)" --output="$T/fio.log" || fail "fio"
say "busy: $(status_figure hf VmRSS) KiB resident, $(status_figure hf VmHWM) at most"
spawn parked fio --name=p --ioengine=nbd --uri="$NBD" --rw=randwrite --bs=1m --iodepth=128 \
    --size=256M --time_based --runtime="$(long 20 4)" --output="$T/fio2.log"
sleep 1.5
kill -STOP "${PID[tgt]}"
sleep "$(long 15 3)"
say "parked: $(status_figure hf VmRSS) KiB resident"
kill -CONT "${PID[tgt]}"
ended_within parked 60 && [ "$ENDED" = 0 ] || fail "fio failed over a pause of the target"
most=$(status_figure hf VmHWM)
[ -n "${HOLDFAST_SANITIZED-}" ] || [ "$most" -lt $BOUND_KIB ] ||
    fail "the daemon took $most KiB, at most $BOUND_KIB"
[ "$most" -gt 1000 ] || fail "the figure makes no sense"
