# shellcheck shell=bash
# A journal's device with a volatile cache, that fails on demand; sourced after functions.sh.
#
#   $RING (a loop device) -- nbdfuse -- nbdkit: error injected, write-back cache -- $T/ring.disk
#
# $T/ring.disk holds what was synchronised: it is what a power cut leaves.

# ring_detach: once, for its number may be another's afterwards.
RING=
ring_detach() {
    [ -z "$RING" ] || losetup -d "$RING"
    RING=
}

# ring_start BYTES: $RING.
ring_start() {
    need_root
    need nbdkit nbdfuse losetup
    truncate -s "$1" "$T/ring.disk"
    touch "$T/ring.file"
    spawn ring nbdkit -f -U "$T/ring.nbd" --filter=error --filter=cache file "$T/ring.disk" \
        cache=writeback error-pwrite-rate=100% "error-pwrite-file=$T/ring.bad-writes" \
        error-pread-rate=100% "error-pread-file=$T/ring.bad-reads"
    wait_until 5 test -S "$T/ring.nbd" || fail "nbdkit does not start"
    spawn ring-fuse nbdfuse "$T/ring.file" "nbd+unix:///?socket=$T/ring.nbd"
    on_exit "umount -l $T/ring.file"
    wait_until 5 mountpoint -q "$T/ring.file" || fail "nbdfuse does not mount"
    RING=$(losetup -f --show --direct-io=on "$T/ring.file") || skip "no loop device here"
    # (By its number: a dead file system hides the file.)
    on_exit 'ring_detach'
}
