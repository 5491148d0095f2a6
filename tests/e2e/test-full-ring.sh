#!/bin/bash
# An outage until the ring is full, SIGKILL, and a start with the target still away: what was
# acknowledged can be read at once; when the target is back all of it is on the LUN, and nothing is
# left in the ring. The client is an NBD client that connects again.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/kill_loop.sh
. "$(dirname "$0")/kill_loop.sh"
need jq

journal_is() { [ "$(hf_status --json | jq -r .journal.state)" = "$1" ]; }
is_stuck() { # nothing is answered any more
    local before
    before=$(hf_status --json | jq .volume.writes)
    sleep 0.5
    [ "$before" = "$(hf_status --json | jq .volume.writes)" ]
}
# dirty_blocks read|count: counts the pieces of 4 KiB that are in the journal whole; reads them.
# (Only while nobody else reads: a read behind a write behind a read that waits for the target waits.)
dirty_blocks() {
    timeout 3 /usr/bin/python3 - "$NBD" "$LOOP_BYTES" "$1" <<'PYTHON'
import sys
import time
import nbd
CONTEXT = "holdfast:dirty"
def connect():
    h = nbd.NBD()
    h.add_meta_context(CONTEXT)
    h.connect_uri(sys.argv[1])
    return h
while True:
    try:
        h = connect()
        break
    except nbd.Error:  # it was only just started
        time.sleep(0.01)
extents, size = [], int(sys.argv[2])
def extent(context, offset, entries, error):
    for length, flags in zip(entries[::2], entries[1::2]):
        extents.append((offset, length, flags))
        offset += length
at = 0
while at < size:
    h.block_status(size - at, at, extent)
    at = sum(extents[-1][:2])
pieces = 0
dirty = [False] * (size // 512)
for offset, length, flags in extents:
    if flags:
        if sys.argv[3] == "read":
            h.pread(length, offset)
        for i in range(offset // 512, min(offset + length, size) // 512):
            dirty[i] = True
print(sum(all(dirty[i:i + 8]) for i in range(0, len(dirty), 8)))
PYTHON
}
is_empty() { "$HOLDFAST" journal info "$T/ring" | grep -qi empty; }

for order in coalesce ordered; do
    simple_target "$LUN_BYTES"
    # (A write waits for a read of its place that was there before it, so no reads at first.)
    kill_loop_start 1 --kill-on "$T/kill" --reads 0 --resend -- \
        -o "journal=$T/ring,journal_size=5M,destage=$order"
    wait_until 10 grep -q 'target ready' "$T/hf.log" || fail "not ready"
    sleep 0.5
    end tgt KILL
    wait_until 20 journal_is full || fail "the ring does not fill"
    wait_until 20 is_stuck || fail "there is room in a full ring"
    say "the ring is full: $(hf_status --json | jq -c .journal)"
    before=$(dirty_blocks read) || fail "what the ring holds cannot be read"
    touch "$T/kill"
    wait_until 10 test -e "$T/calm" || fail "the daemon was not started again"
    began=$(now)
    dirty=$(dirty_blocks count) || fail "what the ring holds cannot be read while the target is away"
    say "$dirty pieces of 4 KiB are there $(since "$began") s after the start, the target still away"
    [ "$before" -ge 100 ] || fail "there is too little in the ring to show anything"
    [ "$dirty" -ge "$before" ] || fail "only $dirty of $before pieces are there after the start"
    # (survivor.py judges what it reads.)
    wait_until 3 grep -qx "read $before" "$T/survivor.log" ||
        fail "the client could not read: $(grep -c '^read' "$T/survivor.log") of $before pieces"
    journal_is full || fail "the ring is not full any more, without a target"
    tgt_start tgt
    kill_loop_end "$T/disk"
    is_empty || fail "the journal is not empty: $("$HOLDFAST" journal info "$T/ring")"
    end tgt KILL
    rm "$T/disk" "$T/ring"
    LOOP_OFFSET=0
done
