#!/bin/bash
# The host loses power, and the target its cache, at any moment: everything that was fsynced is
# there. And with destage=ordered the LUN is a whole, older state even when the journal is lost.
#
# The cut is a copy: holdfast stands still while what has reached stable storage is copied, the
# ring's and the LUN's. Then it goes on, to the next cut.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/ring.sh
. "$(dirname "$0")/ring.sh"
need_fuse
need losetup mkfs.ext4 e2fsck

RANDOM=${HOLDFAST_SEED:-$$}
say "seed ${HOLDFAST_SEED:-$$}"
load() { /usr/bin/python3 "$TOOLS/fsync_load.py" "$@"; }

# up HOLDFAST'S ARGUMENTS...: all of it, ending in the load on an ext4.
up() {
    FUSE=1 hf_start "$(tgt_url tgt)" -o "journal=$RING" "$@"
    LOOP=$(losetup -f --show --direct-io=on "$T/lun") || skip "no loop device here"
    on_exit "detach_loops $T/lun"
    mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$LOOP"
    mkdir -p "$T/mnt"
    mount "$LOOP" "$T/mnt"
    on_exit "umount -l $T/mnt"
    sync -f "$T/mnt"
    "$HOLDFAST" drain t -o "run_dir=$T/run" >/dev/null 2>&1 || fail "the file system is not on the LUN"
    rm -f "$T/load.stop" "$T/promises"
    spawn load /usr/bin/python3 "$TOOLS/fsync_load.py" run "$T/mnt" --promises "$T/promises" \
        --stop "$T/load.stop" --seed "$RANDOM"
    wait_until 10 test -s "$T/promises" || fail "the load does not start"
}

down() {
    touch "$T/load.stop"
    ended_within load 60 && [ "$ENDED" = 0 ] || fail "the load got an error"
    umount "$T/mnt"
    detach_loops "$T/lun"
    end hf TERM
    [ "$ENDED" = 0 ] || fail "holdfast ended with $ENDED"
}

signal_all() {
    local name
    for name in hf tgt nbdkit ring; do
        kill "-$1" "${PID[$name]}"
    done
}

# some_moment N: at work, during an outage, and while what an outage has left is brought to the LUN.
some_moment() {
    [ $(($1 % 3)) = 1 ] || kill -STOP "${PID[tgt]}"
    sleep "0.$((RANDOM % 9 + 1))"
    [ $(($1 % 3)) != 0 ] || { kill -CONT "${PID[tgt]}" && sleep "0.0$((RANDOM % 9))"; }
}

# cut_power: $T/cut/ring, $T/cut/disk and $T/cut/promises, of one moment.
cut_power() {
    rm -rf "$T/cut"
    mkdir "$T/cut"
    cp "$T/promises" "$T/cut/promises"
    signal_all STOP
    cp --sparse=never "$T/ring.disk" "$T/cut/ring"
    cp --sparse=always "$T/img" "$T/cut/disk"
    signal_all CONT
}

# file_system_is_right FILE [CHECK'S ARGUMENTS...]: in a loop device; mounting replays its journal.
file_system_is_right() {
    local file=$1 loop
    shift
    mkdir -p "$T/mnt2"
    loop=$(losetup -f --show --direct-io=on "$file") || fail "no loop device"
    on_exit "detach_loops $file"
    mount "$loop" "$T/mnt2" || fail "the file system cannot be mounted"
    on_exit "umount -l $T/mnt2"
    umount "$T/mnt2"
    e2fsck -fn "$loop" >>"$T/e2fsck.log" 2>&1 || fail "e2fsck finds errors"
    mount "$loop" "$T/mnt2" # SQLite replays, too
    load check "$T/mnt2" --promises "$T/cut/promises" "$@" >"$T/check.out" ||
        fail "what was promised is not there: $(cat "$T/check.out")"
    say "${file##*/}: $(cat "$T/check.out")"
    umount "$T/mnt2"
    detach_loops "$file"
}

# recovered: a second daemon, on another target, with the copies.
recovered() {
    [ -n "${PORTAL[tgt2]-}" ] || { tgt_new tgt2 && tgt_lun tgt2 1 "$T/cut/disk"; }
    tgt_start tgt2
    : >"$T/hf2.log"
    mkdir -p "$T/second"
    spawn hf2 "$HOLDFAST" serve "$(tgt_url tgt2)" --name r --fuse "$T/second/lun" \
        -o "run_dir=$T/second/run,journal=$T/cut/ring"
    on_exit "umount -l $T/second/lun"
    wait_until 10 grep -qw ready "$T/hf2.log" || fail "the second holdfast does not say ready"
    file_system_is_right "$T/second/lun"
    end hf2 TERM
    [ "$ENDED" = 0 ] || fail "the second holdfast ended with $ENDED"
    end tgt2 KILL
}

truncate -s 64M "$T/img"
lossy_start "$T/img"
tgt_new tgt
tgt_lun tgt 1 "$T/lossy/disk"
tgt_start tgt
ring_start 24M

up -o destage=coalesce
for i in $(seq "$(long 40 6)"); do
    some_moment "$i"
    cut_power
    recovered
done
down

up -o destage=ordered
for i in $(seq "$(long 60 9)"); do
    some_moment "$i"
    cut_power
    if [ $((i % 4)) = 0 ]; then
        recovered
    else
        file_system_is_right "$T/cut/disk" --prefix # the ring is lost
    fi
done
down
