# shellcheck shell=bash
# One outage under full load, for the tests test-outage-*.sh; sourced after functions.sh.
#
# The test has a target up (far_target: on the other side of a cable) and gives two functions:
# strike (the outage begins) and heal (it is over). outage() runs, on one LUN of 512 MiB and all at
# once: fio with verify over NBD, the exerciser over NBD, and on an ext4 on a loop device over the
# FUSE file the exerciser and a writer of small files. All of it has to end without one error, with
# the right data, with a clean e2fsck, and flowing again 3 s after the return.

MIB=1048576
RETURN_SECONDS=3

# far_target: one tgt with one thin LUN, in a network namespace of its own.
far_target() {
    net_start
    truncate -s 512M "$T/disk"
    tgt_new tgt 10.78.0.1
    tgt_lun tgt 1 "$T/disk" 512 thin_provisioning=1
    tgt_start tgt
    URL=$(tgt_url tgt)
}

file_system_up() {
    LOOP=$(losetup -f --show --direct-io=on --offset $((256 * MIB)) --sizelimit $((128 * MIB)) \
        "$T/lun") || skip "no loop device here"
    on_exit "detach_loops $T/lun"
    mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$LOOP"
    mkdir "$T/mnt"
    mount "$LOOP" "$T/mnt"
    on_exit "umount -l $T/mnt"
    mkdir "$T/mnt/files"
    fallocate -l $((32 * MIB)) "$T/mnt/data"
}

write_files() {
    local i=0
    while [ ! -e "$T/files.stop" ]; do
        i=$((i + 1))
        head -c $((RANDOM * 4)) /dev/urandom >"$T/files/$((i % 300))"
        sha=$(sha256sum <"$T/files/$((i % 300))")
        cp "$T/files/$((i % 300))" "$T/mnt/files/" && sync "$T/mnt/files/$((i % 300))" || exit 1
        echo "$sha" >"$T/sums/$((i % 300))"
        sleep 0.02
    done
}

file_system_right() {
    local file
    umount "$T/mnt"
    e2fsck -fn "$LOOP" >>"$T/e2fsck.log" 2>&1 || fail "e2fsck finds errors"
    mount -o ro "$LOOP" "$T/mnt"
    for file in "$T"/sums/*; do
        [ "$(sha256sum <"$T/mnt/files/${file##*/}")" = "$(cat "$file")" ] ||
            fail "the file ${file##*/} is not what was written"
    done
    say "$(find "$T/sums" -type f | wc -l) files are right, e2fsck is content"
    umount "$T/mnt"
    detach_loops "$T/lun"
}

loads_up() {
    mkdir "$T/files" "$T/sums"
    exercise nbd "$NBD" --offset $((128 * MIB)) --length $((64 * MIB)) --pause 0.001
    exercise fs "$T/mnt/data" --workers 2 --pause 0.001
    spawn files write_files
    spawn fio fio --name=fio --ioengine=nbd --uri="$NBD" --rw=randrw --bsrange=4k-128k \
        --iodepth=8 --size=64M --verify=crc32c --verify_backlog=64 --verify_fatal=1 \
        --verify_dump=0 --time_based --runtime=$(($1 + 3)) --rate=20m --output="$T/fio.log"
}

# loads_right SINCE: everything ended well, and soon after SINCE it was flowing again.
loads_right() {
    touch "$T/files.stop"
    exercised nbd
    exercised fs
    ended_within fio 60 && [ "$ENDED" = 0 ] || fail "fio: an error or wrong data"
    ended_within files 60 && [ "$ENDED" = 0 ] || fail "a file could not be written"
    if [ "$1" = cuts ]; then
        less "$(jq .longest_s "$T/nbd.json")" $RETURN_SECONDS || fail "a request waited too long"
    else
        flowing_within $RETURN_SECONDS "$1" nbd
        flowing_within $RETURN_SECONDS "$1" fs
    fi
}

# outage SECONDS-LONG SECONDS-SHORT [HOLDFAST'S ARGUMENTS...]; URL says where the LUN is.
outage() {
    local seconds back
    seconds=$(long "$1" "$2")
    shift 2
    need_fuse
    need fio mkfs.ext4 e2fsck losetup jq nbdinfo
    FUSE=1 hf_start "$URL" "$@"
    file_system_up
    loads_up "$seconds"
    sleep 1.5
    say "the outage begins: $seconds s"
    strike
    sleep "$seconds"
    heal
    back=${FLOWS-$(now)}
    say "the target is back"
    sleep 3.5
    loads_right "$back"
    file_system_right
    end hf TERM
    [ "$ENDED" = 0 ] || fail "holdfast ended with $ENDED"
    /usr/bin/python3 "$TOOLS/exerciser.py" check "$T/disk" --model "$T/nbd.model" ||
        fail "the LUN does not hold what was acknowledged"
}
