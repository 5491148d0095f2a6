#!/bin/bash
# The verbs around `serve`: status, flush, stop, discover, inspect.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh jq

simple_target 16M
URL=$(tgt_url tgt)
"$HOLDFAST" --version | grep -q . || fail "--version"
"$HOLDFAST" --help | grep -q serve || fail "--help"
"$HOLDFAST" discover "${PORTAL[tgt]}" | grep -q "$IQN" || fail "discover does not find the target"
"$HOLDFAST" inspect "$URL" >"$T/inspect" || fail "inspect"
grep -qE '512' "$T/inspect" && grep -qiE '16(\.0)? ?MiB|16777216' "$T/inspect" ||
    fail "inspect does not tell size and block"

# LUN 0 of this target is no disk: the advice is not to mend the name.
! "$HOLDFAST" inspect "${URL%/1}/0" 2>"$T/why" || fail "inspect of a controller"
grep -q 'is not a disk' "$T/why" || fail "inspect of a controller says: $(cat "$T/why")"
! grep -q 'name' "$T/why" || fail "inspect of a controller advises: $(cat "$T/why")"
! "$HOLDFAST" inspect "$URL" >/dev/full 2>"$T/why" || fail "a full disk looks like success"
grep -q 'standard output' "$T/why" || fail "a full disk: $(cat "$T/why")"

hf_start "$URL"
nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 4096, 0)'
hf_status >"$T/status"
grep -q "$IQN" "$T/status" || grep -q "${PORTAL[tgt]}" "$T/status" || fail "status: which target?"
hf_status --json | jq -e . >"$T/json" || fail "status --json is not JSON"
"$HOLDFAST" flush t -o "run_dir=$T/run" || fail "flush"
end tgt KILL
hf_says 5 'gone|lost|away' || fail "the log does not tell of the loss"
away() { hf_status | grep -qiE 'away|gone|down|waiting|reconnect|lost|refused'; }
wait_until 5 away || fail "status does not show that the target is away"
tgt_start tgt
hf_says 8 'back' || fail "the log does not tell of the return"
"$HOLDFAST" stop t -o "run_dir=$T/run" || fail "stop"
ended_within hf 12 || fail "still running after stop"
[ "$ENDED" = 0 ] || fail "exit status $ENDED after stop"
! hf_status >/dev/null 2>&1 || fail "status of a daemon that is not there"

say "a daemon that dies while somebody waits for it"
hf_start "$URL"
nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 4096, 0)'
end tgt KILL
spawn flush "$HOLDFAST" flush t -o "run_dir=$T/run"
waited_for() { hf_status --json | jq -e '.volume.requests > 0'; }
wait_until 5 waited_for || fail "the flush does not wait"
end hf KILL
ended_within flush 5 || fail "the flush waits for the dead"
[ "$ENDED" = 1 ] || fail "flush: exit status $ENDED"
grep -qF "the daemon ($T/run) ended meanwhile" "$T/flush.log" || fail "flush: $(cat "$T/flush.log")"
