#!/bin/bash
# The verbs on a journal, by path and by name, with and without its daemon; and that a damaged one
# is told from a torn one.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh jq

hf() { "$HOLDFAST" "$@" 2>&1; }
by_name() { hf journal "$1" t -o "run_dir=$T/run,journal=$T/ring" "${@:2}"; }
# says STATUS PATTERN COMMAND...
says() {
    local status=0 text
    text=$("${@:3}" 2>&1) || status=$?
    [ "$status" = "$1" ] || fail "${*:3}: exit status $status: $text"
    grep -qE "$2" <<<"$text" || fail "${*:3}: says: $text"
}

is_what_clients_saw() {
    /usr/bin/python3 - "$T/noise" "$T/image" <<'EOF' || fail "the image is not what clients saw"
import sys
want = bytearray(open(sys.argv[1], "rb").read())
want[512:8704] = b"x" * 8192
want[1044480:] = b"y" * 4096
want[65536:69632] = bytes(4096)
assert open(sys.argv[2], "rb").read(1048576) == bytes(want)
EOF
}

simple_target 64M
head -c 1M /dev/urandom | tee "$T/noise" | dd of="$T/disk" conv=notrunc status=none
hf_start "$(tgt_url tgt)" --journal "$T/ring" -o journal_size=8M,stop_timeout=2s
hf_says 10 'the journal was made' || fail "no journal"
says 0 '0 % of|\(0 %\)' by_name info
serial=$(hf_status --json | jq -r .lun.serial)
end tgt KILL
hf_says 5 gone || fail "the log does not say that the target is gone"
nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 8192, 512)
h.pwrite(b"y" * 4096, 1048576 - 4096)
h.zero(4096, 65536)
h.flush()'

# While the daemon runs.
says 0 'persistent, .*/ring, open' by_name info
says 0 '"entries": ?[1-9]' by_name info --json
says 0 '^intact: .* 3 entries, 12 KiB' by_name verify
[ "$(by_name dump --json | jq -s '[.[].entries[]] | length')" = 3 ] || fail "dump of a daemon"
cp "$T/disk" "$T/image"
says 0 '3 entries put over' by_name export "$T/image"
is_what_clients_saw
says 1 "were told .* stop t., .holdfast journal discard $T/ring --serial" by_name discard --serial "$serial"
says 1 'in use by another process: stop that one first, or give the NAME' hf journal verify "$T/ring"
says 1 'is in use by another process' hf journal discard "$T/ring" --serial "$serial"

# A stop without the target leaves it in the journal.
end hf TERM
[ "$ENDED" = 0 ] || fail "a stop that leaves everything in the journal: exit status $ENDED"
hf_says 1 '16 KiB that are not on the LUN stay in the journal' || fail "the log does not say so"
says 0 '^state +open' hf journal info "$T/ring"
says 0 "serial $serial" by_name info
says 0 '"serial": ?"'"$serial" hf journal info --json "$T/ring"
says 0 '^intact: .* 3 entries, 12 KiB' hf journal verify "$T/ring"
says 0 '"verdict": ?"intact"' by_name verify --json
says 0 'write.* 1 |write +.*blocks? ' hf journal dump "$T/ring"
[ "$(hf journal dump --json "$T/ring" | jq -s '[.[].entries[]] | length')" = 3 ] || fail "dump"
says 2 'only a daemon can drain' hf journal drain "$T/ring"
says 1 "no daemon 't' is running" hf journal drain t -o "run_dir=$T/run"

# The image is what clients saw; the journal stays as it is.
cp "$T/disk" "$T/image"
sum=$(md5sum <"$T/ring")
says 0 '3 entries put over' hf journal export "$T/ring" "$T/image"
[ "$sum" = "$(md5sum <"$T/ring")" ] || fail "export changed the journal"
is_what_clients_saw
truncate -s 64K "$T/small"
says 1 'it is no copy of that LUN' hf journal export "$T/ring" "$T/small"
says 1 'is the journal itself' hf journal export "$T/ring" "$T/ring"

# Damage in a record that was on stable storage is told, and nothing starts on it.
cp "$T/ring" "$T/bent"
/usr/bin/python3 - "$T/bent" <<'EOF'
import sys
with open(sys.argv[1], "r+b") as ring:
    data = ring.read()
    at = data.index(b"y" * 512)
    ring.seek(at)
    ring.write(b"z")
EOF
says 1 'CORRUPT: record' hf journal verify "$T/bent"
says 1 'CORRUPT: record' hf journal export "$T/bent" "$T/image"
sum=$(md5sum <"$T/bent")
says 1 'damaged; see holdfast journal verify' timeout 10 "$HOLDFAST" serve "$(tgt_url tgt)" --name b \
    --nbd "unix:$T/b" --journal "$T/bent" -o "run_dir=$T/runb"
[ "$sum" = "$(md5sum <"$T/bent")" ] || fail "a refused start changed the journal"

# Neither on one without a superblock, and it is said what to do with it.
cp "$T/ring" "$T/headless"
/usr/bin/python3 - "$T/headless" <<'EOF'
import sys
with open(sys.argv[1], "r+b") as ring:
    size = ring.seek(0, 2)
    for at in 0, 4096, size - 8192, size - 4096:
        ring.seek(at + 1024)
        ring.write(b"torn" * 64)
EOF
for command in info verify dump discard; do
    says 1 'no copy of its superblock makes sense.*to use it again, remove the file' \
        hf journal $command "$T/headless"
done
says 1 'all copies of its superblock are damaged; see holdfast journal verify' timeout 10 \
    "$HOLDFAST" serve "$(tgt_url tgt)" --name b --nbd "unix:$T/b" --journal "$T/headless" \
    -o "run_dir=$T/runb"

# Giving it up takes the right serial.
says 2 'give the serial of that LUN' hf journal discard "$T/ring"
says 1 'is not the serial of the LUN' hf journal discard "$T/ring" --serial nonsense
says 0 '^state +open' hf journal info "$T/ring"
says 0 'discarded: .* 12 KiB' hf journal discard "$T/ring" --serial "$serial"
says 1 'holds no journal' hf journal info "$T/ring"
tgt_start tgt
hf_start "$(tgt_url tgt)" --journal "$T/ring"
hf_says 5 'the journal was made' || fail "no new journal on the discarded one"
nbdsh -u "$NBD" -c 'assert h.pread(4096, 0) == open("'"$T"'/noise", "rb").read(4096)'
end hf TERM
cmp -n 1048576 "$T/noise" "$T/disk" || fail "what was discarded came back"

# While the daemon writes, and the ring goes round and round, it looks intact all the time.
hf_start "$(tgt_url tgt)" --journal "$T/ring"
exercise load "$NBD" --pause 0.0005
for _ in $(seq 15); do
    says 0 '^intact: ' by_name verify
done
laps=$(hf_status --json | jq '.journal.appended_bytes / .journal.ring_bytes')
less 2 "$laps" || fail "the ring went round $laps times only"
exercised load
end hf TERM
