#!/bin/bash
# After its start the daemon allocates nothing for a write: memory that it would have to wait for
# could depend on that very write. Counted by who asks, in the midst of a load: neither holdfast
# itself nor libiscsi; libfuse does for each request, and a list of libev's doubles at times, up to
# the number of its watchers.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need_fuse
need fio jq
[ -z "${HOLDFAST_SANITIZED-}" ] || skip "a sanitizer has its own malloc"
[ -n "${MALLOC_COUNTER-}" ] || fail "MALLOC_COUNTER is not set (meson does)"
SECONDS_COUNTED=$(long 20 1.5)

# Writes over NBD, some with FUA, and over FUSE, with flushes.
load_start() {
    spawn fio fio --output="$T/fio.out" --rw=randwrite --size=8M --time_based --runtime=600 \
        --rate_iops=3000 --name=nbd --ioengine=nbd --uri="$NBD" --bsrange=512-64k \
        --blockalign=512 --iodepth=16 --fsync=20 --name=fuse --filename="$T/lun" \
        --ioengine=psync --direct=1 --bs=4k --fdatasync=20 --offset=32M
}
writes() { hf_status --json | jq .volume.writes; }
counts() { /usr/bin/python3 "$TOOLS/malloc_counts.py" "$T/counts" "$@"; }

# check_mode NAME HOLDFAST'S ARGUMENTS...
check_mode() {
    local name=$1 grown before
    shift
    PREFIX[hf]="env LD_PRELOAD=$MALLOC_COUNTER MALLOC_COUNTS=$T/counts"
    FUSE=1 hf_start "$(tgt_url tgt)" "$@"
    load_start
    sleep 1 # the connections are there, what grows to its size has grown
    before=$(writes)
    hf_status >/dev/null # as often as below
    counts >"$T/before.json"
    sleep "$SECONDS_COUNTED"
    grown=$(counts --since "$T/before.json")
    say "$name: in $(($(writes) - before)) writes: $grown (before: $(cat "$T/before.json"))"
    alive fio || fail "$name: fio ended"
    end fio INT
    [ "$(writes)" -gt $((before + 500)) ] || fail "$name: too few writes to judge"
    [ "$(jq '.program // 0' "$T/before.json")" -gt 20 ] || fail "$name: the counter does not count"
    jq -e --argjson writes $(($(writes) - before)) \
        '(to_entries | map(select(.key | test("^lib(fuse3|ev|iscsi)\\.") | not).value) | add // 0) == 0
         and (.["libev.so.4"] // 0) <= 3 and (.["libiscsi.so.7"] // 0) <= $writes / 10' \
        <<<"$grown" >/dev/null || fail "$name: memory was allocated for writes"
    end hf TERM
    [ "$ENDED" = 0 ] || fail "$name: exit status $ENDED"
}

simple_target 64M
shm_start
check_mode none -o journal=none
check_mode memory -o "journal=$SHM/ring,journal_size=64M"
check_mode persistent -o "journal=$T/ring,journal_size=64M"
check_mode persistent-ordered -o "journal=$T/ring2,journal_size=64M,destage=ordered,journal_engine=thread"
