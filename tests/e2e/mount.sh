# shellcheck shell=bash
# What the tests of the mount helpers share; sourced after functions.sh.
#
# Each runs in a mount namespace of its own, where mount(8) finds the helpers in /sbin, and /run and
# /etc/holdfast are nobody else's. The daemons that the helpers start are ended with the test.

# By the name alone nobody can tell the loop devices of two tests apart that run at the same time.
IQN=iqn.2026-11.test.holdfast:mount$$

# Runs the test anew inside of the namespace; returns there.
mount_start() {
    need_fuse
    need losetup mkfs.ext4 unshare findmnt sfdisk
    [ -c /dev/loop-control ] || skip "needs loop devices"
    if [ -z "${MOUNT_INSIDE-}" ]; then
        unshare -m true 2>/dev/null || skip "no mount namespaces here"
        rm -rf "$T" # the other one makes its own
        MOUNT_INSIDE=1 exec unshare -m --propagation private "$0"
    fi
    on_exit mount_end
    mkdir "$T/mnt" "$T/mnt2"
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/mount /run/holdfast
    mount_sbin
}

# /sbin with the helpers in it.
mount_sbin() {
    mkdir "$T/orig-sbin" "$T/sbin"
    on_exit "umount -l /usr/sbin; umount -l $T/orig-sbin"
    mount --bind /usr/sbin "$T/orig-sbin"
    ln -s "$T"/orig-sbin/* "$T/sbin/"
    for helper in mount umount mount.fuse umount.fuse; do
        ln -sf "$(realpath "$HOLDFAST")" "$T/sbin/$helper.holdfast"
    done
    mount --bind "$T/sbin" /usr/sbin
}

# By their run directories: what this test's helpers started, and nothing else.
mount_end() {
    local lock pid
    umount -l "$T/mnt" "$T/mnt2" 2>/dev/null
    for lock in /run/holdfast/*/lock; do
        pid=$(cat "$lock")
        [ -z "$pid" ] || kill -9 "$pid"
    done
    umount -l /run/holdfast/*/disk
}

# configure NAME LINE...: /run/holdfast/NAME.conf, which stands for the one in /etc.
configure() {
    local name=$1
    shift
    printf '%s\n' "$@" >"/run/holdfast/$name.conf"
}

# expect STATUS COMMAND...: its exit status; what it says is in $T/said.
expect() {
    local status=$1 got=0
    shift
    "$@" >"$T/said" 2>&1 || got=$?
    [ "$got" = "$status" ] || fail "$*: exit status $got, not $status: $(cat "$T/said")"
}
says() { grep -qF -- "$1" "$T/said" || fail "'$1' is not said, but: $(cat "$T/said")"; }

mounted() { mountpoint -q "$1"; }
daemons() { "$HOLDFAST" status --json | wc -l; }
no_daemon() { [ "$(daemons)" = 0 ]; }
loops() { losetup -n -O NAME -j "/run/holdfast/$1/disk" | wc -l; }
no_loop() { [ "$(loops "$1")" = 0 ]; }
one_loop() { [ "$(loops "$1")" = 1 ]; }

# make_fs TYPE: the whole LUN $T/disk is a file system. make_parts: it has two, ext4 and vfat.
make_fs() { "mkfs.$1" -q "$T/disk"; }
make_parts() {
    sfdisk -q "$T/disk" <<<"label: gpt
start=1MiB, size=40MiB
start=48MiB, size=24MiB"
    mkfs.ext4 -q -E offset=$((1 << 20)) "$T/disk" 40M
    truncate -s 24M "$T/second"
    mkfs.ext4 -q -L second "$T/second"
    dd if="$T/second" of="$T/disk" bs=1M seek=48 conv=notrunc status=none
}
