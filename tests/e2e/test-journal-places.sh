#!/bin/bash
# Where a journal may lie: in memory (it survives the daemon, and a flush waits for the target), on
# a tmpfs, on a block device, on a partition; and where it must not: on the disk that is served.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_root
need nbdsh jq losetup sfdisk mkfs.ext4

mode() { hf_status --json | jq -r .journal.mode; }
ring_of() { hf_status --json | jq -r .journal.path; }
drain() { "$HOLDFAST" drain t -o "run_dir=$RUN" --timeout 10s 2>"$T/drain.log" || fail "no drain"; }

simple_target 64M
RUN=$T/run

# The same hf_status and hf_start, but with the run directory on a tmpfs.
mkdir "$T/run"
mount -t tmpfs -o size=64M tmpfs "$T/run"
on_exit "umount -l $T/run"

hf_start "$(tgt_url tgt)" --journal memory -o journal_size=5M
[ "$(mode)" = memory ] || fail "journal=memory is $(mode)"
nbdsh -u "$NBD" -c 'h.pwrite(b"1" * 4096, 0)
h.flush()'
end tgt KILL
hf_says 5 gone || fail "the log does not say that the target is gone"
timeout 5 nbdsh -u "$NBD" -c 'h.pwrite(b"2" * 4096, 4096)' || fail "a write waits"
spawn flusher nbdsh -u "$NBD" -c 'h.flush()'
sleep 0.5
alive flusher || fail "a flush was answered without the target"
end hf KILL
hf_start "$(tgt_url tgt)" --journal memory
timeout 5 nbdsh -u "$NBD" -c 'assert h.pread(4096, 4096) == b"2" * 4096' || fail "lost by a kill"
tgt_start tgt
drain
[ -s "$T/run/journal" ] || fail "the ring is not where the manual says"
end hf TERM
[ ! -e "$T/run/journal" ] || fail "an empty ring in memory was left behind"
[ "$(head -c 5000 "$T/disk" | tail -c 1)" = 2 ] || fail "the LUN lacks what was in memory"

# A path on a tmpfs is a journal in memory, and says so.
mkdir "$T/mem"
mount -t tmpfs -o size=16M tmpfs "$T/mem"
on_exit "umount -l $T/mem"
hf_start "$(tgt_url tgt)" --journal "$T/mem/ring" -o journal_size=5M
[ "$(mode)" = memory ] || fail "a ring on tmpfs is $(mode)"
hf_says 1 'lies in memory: it survives this daemon, but not this host' || fail "does not say so"
end hf TERM
[ -e "$T/mem/ring" ] || fail "a ring that somebody asked for was removed"

# A block device: not with something on it, but blank; then it keeps what it is given.
truncate -s 16M "$T/backing"
mkfs.ext4 -q "$T/backing"
LOOP=$(losetup -f --show "$T/backing") || skip "no loop devices"
on_exit "detach_loops $T/backing"
spawn refused "$HOLDFAST" serve "$(tgt_url tgt)" --name t --nbd "unix:$T/nbd" \
    --journal "$LOOP" -o "run_dir=$T/run"
ended_within refused 5 || fail "a device with a file system on it is taken"
grep -q "holds something, but no journal.*blkdiscard -z $LOOP" "$T/refused.log" ||
    fail "does not say what to do with a device that is not blank"
blkid -p "$LOOP" | grep -q ext4 || fail "the file system was hurt"
dd if=/dev/zero of="$LOOP" bs=1M count=16 status=none
hf_start "$(tgt_url tgt)" --journal "$LOOP"
[ "$(mode)" = persistent ] || fail "a block device is $(mode)"
nbdsh -u "$NBD" -c 'h.pwrite(b"3" * 4096, 8192)
h.flush()'
drain
end hf TERM
"$HOLDFAST" journal info "$LOOP" | grep -q 'block device' || fail "info on a block device"

# A partition of it.
printf 'label: gpt\nstart=2048,size=16384\n' | sfdisk -q "$LOOP" >"$T/sfdisk.log" 2>&1 || true
if losetup -d "$LOOP" && LOOP=$(losetup -P -f --show "$T/backing") &&
    wait_until 3 test -b "${LOOP}p1"; then
    dd if=/dev/zero of="${LOOP}p1" bs=1M count=8 status=none
    hf_start "$(tgt_url tgt)" --journal "${LOOP}p1"
    [ "$(ring_of)" = "${LOOP}p1" ] || fail "the partition is not the journal"
    end hf TERM
else
    say "no partitions on loop devices here"
fi

# Too little room: nothing is left behind.
spawn refused "$HOLDFAST" serve "$(tgt_url tgt)" --name t --nbd "unix:$T/nbd" \
    --journal "$T/mem/second" -o "run_dir=$T/run,journal_size=64M"
ended_within refused 5 || fail "a journal larger than its file system"
grep -q 'needs 64 MiB, and there is room for' "$T/refused.log" || fail "does not say what it needs"
[ ! -e "$T/mem/second" ] || fail "what could not be made was left behind"
