#!/bin/bash
# Trouble with the journal's device: the clients see no error while memory still holds the data,
# nothing is changed on the LUN before the journal is marked as failed, nothing acknowledged is
# lost, and no later start replays it.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/ring.sh
. "$(dirname "$0")/ring.sh"
need jq nbdsh

journal() { hf_status --json | jq -r ".journal.$1"; }
has_failed() { [[ $(journal state) = failed* ]]; }
dirty() { hf_status --json | jq .volume.dirty_bytes; }
is_clean() { [ "$(dirty)" = 0 ]; }
answered() { cut -d ' ' -f 1 "$T/live"; }
goes_on() { # requests are being answered
    local before
    before=$(answered)
    sleep 0.7
    [ "$(answered)" -gt "$before" ]
}
stands() { ! goes_on; } # (reads go on, until each worker has come to a write)
load() { exercise load "$NBD" --length $((32 << 20)) --workers 2 --pause 0.002 --live "$T/live"; }

# right: the load was right, and the LUN holds what was acknowledged.
right() {
    exercised load
    end hf TERM
    [ "$ENDED" = 0 ] || fail "holdfast ended with $ENDED"
    /usr/bin/python3 "$TOOLS/exerciser.py" check "$T/disk" --model "$T/load.model" ||
        fail "the LUN does not hold what was acknowledged"
}

up() {
    hf_start "$(tgt_url tgt)" -o "journal=$RING" "$@"
    hf_says 10 'target ready' || fail "no target"
    rm -f "$T/live"
    load
    wait_until 10 test -s "$T/live" && wait_until 10 goes_on || fail "the load does not start"
}

# No later start takes it for a good one; the administrator discards it.
failed_for_good() {
    : >"$T/again.log"
    spawn again "$HOLDFAST" serve "$(tgt_url tgt)" --name t --nbd "unix:$T/nbd" \
        -o "run_dir=$T/run,journal=$RING"
    ended_within again 10 || fail "a failed journal is taken into use again"
    grep -q discard "$T/again.log" || fail "it does not say what to do: $(cat "$T/again.log")"
    "$HOLDFAST" journal discard "$RING" --serial "$(basename "$T/disk" | md5sum | cut -c1-10)" \
        >"$T/discard.log" 2>&1 || fail "it cannot be discarded: $(cat "$T/discard.log")"
}

simple_target 64M
ring_start 16M

for engine in uring thread; do
    say "$engine: writes fail, the target is up"
    up -o "journal_engine=$engine"
    touch "$T/ring.bad-writes"
    wait_until 10 has_failed || fail "nobody notices: $(hf_status --json | jq -c .journal)"
    wait_until 10 stands && stands || fail "writes go on, though the journal is not marked"
    rm "$T/ring.bad-writes"
    wait_until 20 goes_on || fail "it is marked, and writes do not go on"
    right
    failed_for_good
done

say "it fails during an outage: what was acknowledged is in memory"
up -o journal_cache=16M
end tgt KILL
is_dirty() { [ "$(dirty)" -gt 0 ]; }
wait_until 10 is_dirty || fail "nothing is dirty"
sleep 0.5
touch "$T/ring.bad-writes" "$T/ring.bad-reads"
spawn one nbdsh -u "$NBD" -c 'h.pwrite(b"1" * 4096, 48 << 20)' # (all others may wait for a read)
wait_until 10 has_failed || fail "nobody notices"
say "$(dirty) bytes are dirty"
tgt_start tgt
wait_until 20 is_clean || fail "what was acknowledged does not reach the LUN: $(dirty) bytes"
wait_until 10 stands && stands || fail "writes go on, though the journal is not marked"
rm "$T/ring.bad-writes" "$T/ring.bad-reads"
wait_until 20 goes_on || fail "it is marked, and writes do not go on"
ended_within one 10 && [ "$ENDED" = 0 ] || fail "the write that met the failure had an error"
right
failed_for_good

say "it is gone for good, and the administrator lets writes go on"
up -o on_journal_failure=continue
end ring KILL
wait_until 20 has_failed || fail "nobody notices"
wait_until 20 goes_on || fail "writes do not go on"
right
hf_says 1 'noted in .*: no start takes it' || [ "$(stat -f -c %T "$T")" = tmpfs ] ||
    fail "it is not noted that this journal must not be used again"

say "its disk is back, as it was: no start takes it, after a boot neither"
ring_detach
umount -l "$T/ring.file"
rm "$T/ring.nbd"
ring_start 16M
"$HOLDFAST" journal info "$RING" --run-dir "$T" >"$T/info.log" || fail "no info"
grep -q '^state *failed' "$T/info.log" || fail "info does not know that it failed"
not_taken() {
    : >"$T/again.log"
    spawn again "$HOLDFAST" serve "$(tgt_url tgt)" --name t --nbd "unix:$T/nbd" \
        -o "run_dir=$T/run,journal=$RING"
    ended_within again 10 || fail "a failed journal is taken into use again"
    grep -q 'newer data are on the LUN.*journal discard' "$T/again.log" || fail "no line says why"
}
not_taken
if [ "$(stat -f -c %T "$T")" != tmpfs ]; then
    rm "$T"/.condemned-* # a boot does that
    not_taken
fi
failed_for_good
[ -z "$(ls -A "$T/state")" ] || fail "discard leaves the note"
hf_start "$(tgt_url tgt)" -o "journal=$RING"
hf_says 10 'the journal was made' || fail "no new journal"
end hf TERM

say "it cannot be read for a while: what it holds is waited for"
ring_detach
umount -l "$T/ring.file"
rm "$T/ring.disk" "$T/ring.nbd"
ring_start 16M
hf_start "$(tgt_url tgt)" -o "journal=$RING,journal_cache=1M"
hf_says 10 'the journal was made' || fail "no journal"
end tgt KILL
nbdsh -u "$NBD" -c 'for i in range(640):
    h.pwrite(bytes([i % 251 + 1]) * 4096, (40 << 20) + i * 8192)
h.flush()'
touch "$T/ring.bad-reads"
tgt_start tgt
hf_says 10 'session back' || fail "no session"
sleep 2
[ "$(dirty)" != 0 ] || fail "nothing had to be read from the ring: the test shows nothing"
rm "$T/ring.bad-reads"
"$HOLDFAST" drain t --timeout 20s -o "run_dir=$T/run" || fail "not drained: $(hf_status --json)"
end hf TERM
[ "$ENDED" = 0 ] || fail "holdfast ended with $ENDED"
/usr/bin/python3 -c 'import sys
disk = open(sys.argv[1], "rb").read()
for i in range(640):
    at = (40 << 20) + i * 8192
    assert disk[at:at + 4096] == bytes([i % 251 + 1]) * 4096, i' "$T/disk" ||
    fail "the LUN does not hold what was acknowledged"
