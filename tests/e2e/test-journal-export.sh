#!/bin/bash
# `journal export` of a daemon that goes on: the image is what clients saw when the verb began, or
# a moment later; the daemon keeps the ring for it, but not for ever.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh jq

export_to() { "$HOLDFAST" journal export t "$1" -o "run_dir=$T/run" >"$T/export.log" 2>&1; }
answered() { sed 's/^0*//' "$T/answered"; }
is_full() { [ "$(ring state)" = '"full"' ]; }
went_round() { less 2 "$(ring 'appended_bytes / .journal.ring_bytes')"; }
goes_on() { [ "$(answered)" -gt "$before" ]; }
ring() { hf_status --json | jq ".journal.$1"; }

# One by one, the n-th into place n % 64, 1 MiB apart; $T/answered tells how many were answered.
cat >"$T/writer.py" <<'END'
import os
import struct
import sys
import nbd
h = nbd.NBD()
h.connect_uri(sys.argv[1])
n = 0
told = os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY)
while not os.path.exists(sys.argv[3]):
    n += 1
    h.pwrite(struct.pack("<Q", n) * 512, n % 64 << 20)
    os.pwrite(told, b"%09d\n" % n, 0)
END
writer_start() {
    rm -f "$T/answered" "$T/stop"
    spawn writer /usr/bin/python3 "$T/writer.py" "$NBD" "$T/answered" "$T/stop"
    wait_until 10 test -s "$T/answered" || fail "the writer does not start"
}
writer_end() {
    touch "$T/stop"
    ended_within writer 20 && [ "$ENDED" = 0 ] || fail "the writer: $ENDED"
}

# is_state IMAGE AT_LEAST: what was there after so many of the writes, or after some more.
is_state() {
    /usr/bin/python3 - "$@" <<'END'
import struct
import sys
with open(sys.argv[1], "rb") as image:
    def at(place):
        image.seek(place << 20)
        words = set(struct.unpack("<512Q", image.read(4096)))
        assert len(words) == 1, f"place {place} is torn"
        return words.pop()
    found = [at(place) for place in range(64)]
last = max(found)
for place in range(64):
    wanted = last - (last - place) % 64
    assert found[place] == max(wanted, 0), (place, found[place], wanted, last)
assert last >= int(sys.argv[2]), f"{sys.argv[2]} were answered before, the image ends with {last}"
END
}

simple_target 64M
hf_start "$(tgt_url tgt)" --journal "$T/ring" -o journal_size=16M,stop_timeout=2s
hf_says 10 'target ready' || fail "no target"

say "the target is away, and a client writes on"
cp "$T/disk" "$T/lost"
end tgt KILL
hf_says 5 gone || fail "the log does not say that the target is gone"
writer_start
for _ in 1 2 3; do
    sleep 0.3
    cp "$T/lost" "$T/image"
    answered=$(answered)
    export_to "$T/image" || fail "export: $(cat "$T/export.log")"
    is_state "$T/image" "$answered" || fail "the image is not what the client saw"
done
[ "$(answered)" -gt "$answered" ] || fail "the writer stands"
writer_end
tgt_start tgt
"$HOLDFAST" drain t -o "run_dir=$T/run" --timeout 20s 2>"$T/drain.log" || fail "no drain"
is_state "$T/disk" "$(answered)" || fail "the LUN is not what the client saw"

say "the target is there, and the ring goes round under it"
exercise load "$NBD" --pause 0.0005
for _ in $(seq 10); do
    export_to "$T/image" || fail "export under load: $(cat "$T/export.log")"
done
wait_until 60 went_round || fail "no two laps"
exercised load

say "two at once"
hold() { # keeps the ring until $T/let-go is there
    rm -f "$T/let-go" "$T/held"
    spawn holder /usr/bin/python3 -c 'import os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1] + "/run/control")
s.sendall(b"{\"verb\": \"hold\"}\n")
open(sys.argv[1] + "/held", "wb").write(s.recv(4096))
while not os.path.exists(sys.argv[1] + "/let-go"):
    time.sleep(0.05)' "$T"
    wait_until 5 test -s "$T/held" || fail "no answer to hold"
}
hold
! export_to "$T/image" || fail "the ring is held twice"
grep -q 'another export' "$T/export.log" || fail "it does not say why"

say "who holds it lets go: writes go on at once"
writer_start
wait_until 30 is_full ||
    fail "the held ring does not fill: $(hf_status --json | jq -c .journal)"
touch "$T/let-go"
before=$(answered)
wait_until 5 goes_on || fail "writes stand"
ended_within holder 5

say "who holds it hangs: the daemon takes it back"
hold
hf_says 60 'taking the room back' || fail "it is held for ever"
before=$(answered)
wait_until 5 goes_on || fail "writes stand"
export_to "$T/image" || fail "no further export: $(cat "$T/export.log")"
end holder KILL

if strace -qq -e trace=none true 2>/dev/null; then
    say "an export that is too slow for that says that it lacks something"
    : >"$T/hf.log"
    spawn slow strace -qq -e trace=pwrite64 -e inject=pwrite64:delay_enter=1000000 \
        "$HOLDFAST" journal export t "$T/image" -o "run_dir=$T/run"
    hf_says 60 'taking the room back' || fail "it is held for ever"
    ended_within slow 60 || fail "the export goes on for ever"
    [ "$ENDED" = 1 ] || fail "an image without all of it, and exit status $ENDED"
    grep -q 'lacks something' "$T/slow.log" || fail "it does not say so: $(tail -n 3 "$T/slow.log")"
fi
writer_end
end hf TERM
[ "$ENDED" = 0 ] || fail "holdfast ended with $ENDED"
is_state "$T/disk" "$(answered)" || fail "the LUN is not what the client saw"
