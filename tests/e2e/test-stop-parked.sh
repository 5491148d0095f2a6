#!/bin/bash
# SIGTERM while the target is down and writes wait: the end within 10 s, saying what is not written.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh

simple_target 64M
hf_start "$(tgt_url tgt)"
nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 4096, 0)'
end tgt KILL
hf_says 5 'gone|lost' || fail "the log does not say that the target is gone"
spawn client nbdsh -u "$NBD" -c 'h.pwrite(b"y" * 65536, 4096)'
sleep 1
alive client || fail "the write did not wait"

asked=$(now)
kill -TERM "${PID[hf]}"
hf_says 5 'stopping' || fail "the log does not say that it stops"
! "$HOLDFAST" flush t -o "run_dir=$T/run" 2>"$T/flush" || fail "flushed, without the target"
grep -q 'the daemon stops' "$T/flush" || fail "a flush meanwhile: $(cat "$T/flush")"
ended_within hf 12 || fail "still there after 12 s"
say "ended after $(since "$asked") s with status $ENDED"
[ "$ENDED" = 1 ] || fail "something was not written, and the exit status is $ENDED"
less "$(since "$asked")" 11 || fail "took longer than 10 s"
grep -qiE 'not written|never answered|not flushed' "$T/hf.log" ||
    fail "the log does not say what was not written"
grep -qE '64.*KiB|65536|68.*KiB|69632' "$T/hf.log" || fail "the log does not say how much"
ended_within client 2 || fail "the client still waits for an answer"
[ "$ENDED" != 0 ] || fail "the client was told that its write is done"
[ ! -S "$T/nbd" ] || fail "the socket was left behind"

read_waits() { [ "$(hf_status --json | jq .volume.parked)" = 1 ]; }
say "only a read waits: nothing that was written is lost"
tgt_start tgt
hf_start "$(tgt_url tgt)" -o stop_timeout=1s
hf_says 5 'target ready' || fail "it does not reach the target"
end tgt KILL
hf_says 5 'gone|lost' || fail "the log does not say that the target is gone"
spawn reader nbdsh -u "$NBD" -c 'h.pread(4096, 0)'
wait_until 5 read_waits || fail "the read did not wait"
kill -TERM "${PID[hf]}"
ended_within hf 5 || fail "still there after 5 s"
[ "$ENDED" = 0 ] || fail "exit status $ENDED, as if something had not been written"
hf_says 1 '1 read was never answered' || fail "the log does not say what was not answered"
! grep -E 'to be written|not flushed' "$T/hf.log" || fail "nothing was ever written"
tail -n 1 "$T/hf.log" | grep -q 'stopped; everything was written' || fail "no good end"
ended_within reader 2 || fail "the reader still waits for an answer"
[ "$ENDED" != 0 ] || fail "the reader was told that it has its data"

say "a second signal ends the waiting at once"
tgt_start tgt
hf_start "$(tgt_url tgt)" -o stop_timeout=1h
nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 4096, 0)'
end tgt KILL
spawn second nbdsh -u "$NBD" -c 'h.pwrite(b"z" * 65536, 4096)'
sleep 1
: >"$T/hf.log"
kill -TERM "${PID[hf]}"
hf_says 5 'stopping' || fail "the log does not say that it stops"
sleep 2
alive hf || fail "one signal was enough"
kill -TERM "${PID[hf]}"
ended_within hf 5 || fail "the second signal does not end it"
[ "$ENDED" = 1 ] || fail "exit status $ENDED after the second signal"
