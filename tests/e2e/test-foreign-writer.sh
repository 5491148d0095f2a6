#!/bin/bash
# The host dies with writes in its journal, the LUN is mounted elsewhere and written to, the host
# comes back: nothing of the journal is sent over that before somebody says so. The same after an
# outage. Without another system the same start goes on by itself.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh jq sfdisk

up() { hf_start "$(tgt_url tgt)" --journal "$T/ring" -o journal_size=16M,stop_timeout=2s "$@"; }
state() { hf_status --json | jq -r .state; }
is_refused() { [ "$(state)" = foreign-writes ]; }
is_ready() { [ "$(state)" = ready ]; }
watches() { [ "$(hf_status --json | jq .journal.canaries)" -ge "$1" ]; }
drained() { "$HOLDFAST" drain t --timeout 20s -o "run_dir=$T/run" 2>"$T/drain" ||
    fail "no drain: $(cat "$T/drain")"; }
# The write that the target never got, in the middle of the partition.
leave_something() { nbdsh -u "$NBD" -c "h.pwrite(b'$1' * 4096, 8 << 20)
h.flush()"; }
at() { dd if="$T/disk" bs=4096 skip="$1" count=1 status=none | head -c 1; }
# What a mount does, there: the superblock of the first partition, and something else.
mount_elsewhere() {
    printf 'mounted by somebody else %s' "$1" |
        dd of="$T/disk" bs=4096 seek=256 conv=notrunc status=none
    printf 'X%.0s' {1..4096} | dd of="$T/disk" bs=4096 seek=2048 conv=notrunc status=none
}

simple_target 64M
printf 'label: gpt\nstart=2048,size=100000\n' | sfdisk -q "$T/disk"
up
hf_says 10 'target ready' || fail "no target"
# The start of the disk, 64 KiB, the partition, 64 KiB behind its start.
wait_until 10 watches 4 || fail "it watches $(hf_status --json | jq .journal.canaries) places"
leave_something a
drained

say "a host that dies and comes back goes on by itself"
end tgt KILL
hf_says 5 gone || fail "the log does not say that the target is gone"
leave_something b
end hf KILL
"$HOLDFAST" journal info "$T/ring" | grep -q '^watches *blocks 0+8, 128+8, 2048+8, 2176+8 ' ||
    fail "$("$HOLDFAST" journal info "$T/ring")"
up
tgt_start tgt
drained
[ "$(at 2048)" = b ] || fail "the journal did not get to the LUN"

say "somebody else wrote meanwhile"
end tgt KILL
hf_says 5 gone || fail "the log does not say that the target is gone"
leave_something c
end hf KILL
mount_elsewhere once
before=$(sha256sum <"$T/disk")
up
tgt_start tgt
wait_until 20 is_refused || fail "it is $(state)"
hf_says 5 'another system wrote to the LUN behind our back .block 2048.8 ' ||
    fail "the log does not say so"
hf_status | grep -q 'foreign    another system wrote to the LUN (block 2048+8)' ||
    fail "status does not say so: $(hf_status)"
spawn reader nbdsh -u "$NBD" -c 'h.pread(4096, 2 << 20)'
sleep 2
alive reader || fail "a read is answered from a LUN of two minds"
[ "$(sha256sum <"$T/disk")" = "$before" ] || fail "IT WROTE OVER THE OTHER SYSTEM"

say "what the journal has can be saved"
cp "$T/disk" "$T/image"
"$HOLDFAST" journal export t "$T/image" -o "run_dir=$T/run" >"$T/export.log" 2>&1 ||
    fail "export: $(cat "$T/export.log")"
[ "$(dd if="$T/image" bs=4096 skip=2048 count=1 status=none | head -c 1)" = c ] ||
    fail "the image lacks what the journal has"

say "the next start remembers, whatever was written since"
nbdsh -u "$NBD" -c 'h.pwrite(b"d" * 4096, 1 << 20)'
end hf TERM
end reader KILL
"$HOLDFAST" journal info "$T/ring" | grep -q '^state *foreign' ||
    fail "$("$HOLDFAST" journal info "$T/ring")"
up
wait_until 20 is_refused || fail "it is $(state)"
hf_says 5 'behind our back .an earlier start has seen it' || fail "the log does not say so"
[ "$(sha256sum <"$T/disk")" = "$before" ] || fail "THE SECOND START WROTE OVER THE OTHER SYSTEM"
end hf TERM

say "somebody says so: it is written over that"
up -o replay=force
drained
hf_says 5 'writing over it all the same' || fail "the log does not say so"
[ "$(at 2048)" = c ] && [ "$(at 256)" = d ] || fail "it is not on the LUN"
end hf TERM
[ "$ENDED" = 0 ] || fail "exit status $ENDED"
up
wait_until 20 is_ready || fail "it is $(state)"
wait_until 10 watches 4 || fail "it watches nothing any more"

say "the same in an outage of a daemon that lives"
end tgt KILL
hf_says 5 gone || fail "the log does not say that the target is gone"
leave_something e
mount_elsewhere twice
before=$(sha256sum <"$T/disk")
tgt_start tgt
wait_until 20 is_refused || fail "it is $(state)"
sleep 1
[ "$(sha256sum <"$T/disk")" = "$before" ] || fail "IT WROTE OVER THE OTHER SYSTEM"
end hf TERM
"$HOLDFAST" journal discard "$T/ring" --serial "$("$HOLDFAST" journal info --json "$T/ring" |
    jq -r .belongs_to.serial)" >"$T/discard.log" 2>&1 || fail "discard: $(cat "$T/discard.log")"
up
wait_until 20 is_ready || fail "it is $(state)"
[ "$(sha256sum <"$T/disk")" = "$before" ] || fail "the discarded journal was replayed"
