#!/bin/bash
# What cannot be mounted: one line with the reason and the mend, the exit status that mount(8)
# defines, and nothing left behind: no mount, no daemon, no loop device.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/mount.sh
. "$(dirname "$0")/mount.sh"
mount_start
truncate -s 96M "$T/disk"
make_parts
mkdir -p "$T/mnt"
truncate -s 16M "$T/empty" "$T/swap"
mkswap -q "$T/swap" 2>/dev/null || mkswap "$T/swap" >/dev/null
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_lun tgt 2 "$T/empty"
tgt_lun tgt 3 "$T/swap"
tgt_start tgt
URL=$(tgt_url tgt)

# refused STATUS WORDS ARGUMENT...: by mount.holdfast, in one line.
refused() {
    local status=$1 words=$2
    shift 2
    expect "$status" mount.holdfast "$@"
    says "$words"
    [ "$(wc -l <"$T/said")" = 1 ] || fail "not one line: $(cat "$T/said")"
    ! mounted "$T/mnt" || fail "mounted all the same"
    no_daemon || fail "a daemon is left over"
    ! compgen -G '/run/holdfast/*.conf' >/dev/null || fail "a configuration is left over"
    ! losetup -n -O BACK-FILE -l | grep -q "^/run/holdfast/mount$$-" || fail "a loop device is left"
}

# As on a busy machine, what the one daemon logs is in its file a moment later. The helper reads its
# last words there. (Where nothing may be traced, they come as fast as they come.)
slow_log() {
    local pid
    strace -qq -e trace=none true 2>/dev/null || return 0
    pid=$(cat /run/holdfast/*/lock)
    spawn strace strace -f -p "$pid" -P "$(readlink "/proc/$pid/fd/2")" \
        -e trace=write -e inject=write:delay_enter=300000
    wait_until 5 grep -q attached "$T/strace.log" || fail "strace does not attach"
}

say "words"
refused 1 "usage: mount.holdfast" "$URL"
refused 1 "usage: mount.holdfast" "$URL" "$T/mnt" -x
refused 1 "part: the number of a partition" "$URL" "$T/mnt" -o part=x
refused 1 "memory: " "$URL" "$T/mnt" -o memory=1
refused 1 "is neither an iscsi:// URL nor a configured name" "/" "$T/mnt"
refused 1 "the LUN's number is missing" "${URL%/1}" "$T/mnt"
refused 32 "/etc/holdfast/nobody.conf does not exist" nobody "$T/mnt"
refused 32 "the mount point: No such file or directory; make it first" "$URL" "$T/none"
refused 32 "the mount point is no folder" "$URL" "$T/said"
refused 32 "no LUN is mounted there" "$URL" "$T/mnt" -o remount,ro
expect 0 mount -f -t holdfast "$URL" "$T/mnt"
! mounted "$T/mnt" || fail "-f mounts"

say "not root"
chmod 755 "$T"
cp "$HOLDFAST" "$T/mount.holdfast"
expect 1 setpriv --reuid=65534 --clear-groups "$T/mount.holdfast" "$URL" "$T/mnt"
says "only root can mount"

say "what lies on the LUN"
refused 32 "has a partition table (gpt); say which one with part=N" "$URL" "$T/mnt"
refused 32 "has no partition 7; there are 1, 2" "$URL" "$T/mnt" -o part=7
refused 32 "no file system was found" "$(tgt_url tgt 2)" "$T/mnt"
refused 32 "has no partition table; leave part= out" "$(tgt_url tgt 2)" "$T/mnt" -o part=1
refused 32 "no file system, but swap is there" "$(tgt_url tgt 3)" "$T/mnt"
expect 32 mount.holdfast "$URL" "$T/mnt" -o part=1,fstype=xfs # in the words of mount(8)
no_daemon || fail "a daemon is left over"

say "who the target refuses"
echo a-wrong-secret >"$T/secret"
chmod 644 "$T/secret"
refused 32 "others may read or change it" "$URL" "$T/mnt" \
    -o "part=1,chap_user=me,chap_secret_file=$T/secret"
refused 32 "giving up:" "$(tgt_url tgt 9)" "$T/mnt"

say "the target is away: waited for so long, and no longer"
end tgt KILL
since=$(now)
refused 32 "mount_timeout=" "$URL" "$T/mnt" -o part=1,mount_timeout=1s,stop_timeout=1s
less "$(since "$since")" 20 || fail "it took too long"

say "interrupted while it waits"
spawn mount mount.holdfast "$URL" "$T/mnt" -o part=1,mount_timeout=0,stop_timeout=1s
wait_until 10 grep -q "waiting for the target" "$T/mount.log" || fail "it does not say that it waits"
slow_log
end mount INT
[ "$ENDED" = 8 ] || fail "exit status $ENDED, not 8"
! grep "written" "$T/mount.log" || fail "nothing was ever written, and yet it is missed"
no_daemon || fail "a daemon is left over"

# Frozen, not ended: tgtd listens before it knows its LUNs, and refuses who comes in between.
say "the target comes back while it waits"
tgt_start tgt
kill -STOP "${PID[tgt]}"
: >"$T/mount.log"
spawn mount mount.holdfast "$URL" "$T/mnt" -o part=1,mount_timeout=0
wait_until 10 grep -q "waiting for the target" "$T/mount.log" || fail "it does not say that it waits"
kill -CONT "${PID[tgt]}"
ended_within mount 20 || fail "it waits still"
[ "$ENDED" = 0 ] || fail "exit status $ENDED"
mounted "$T/mnt" || fail "not mounted"

say "another mount of the LUN by another name"
configure twin "url = $URL" "fuse = /run/holdfast/twin/disk"
expect 32 mount.holdfast twin "$T/mnt2" -o part=2
says "is served already by the daemon with pid"
expect 1 mount.holdfast twin "$T/mnt2" -o part=2,memory=64M
says "memory: belongs into the file of the configured name twin"
expect 0 umount "$T/mnt"
no_daemon || fail "a daemon is left over"
configure bare "url = $URL" "nbd = unix:$T/nbd"
expect 32 mount.holdfast bare "$T/mnt" -o part=1
says "add fuse=PATH to its configuration"
no_daemon || fail "a daemon is left over"

say "umount"
expect 1 umount.holdfast
expect 32 umount.holdfast "$T/mnt"
says "nothing is mounted there"
