# shellcheck shell=bash
# What the tests of the FUSE file share. A test sources this file, starts the front end over a
# volume in RAM (tests/tools/memory_fuse.c) and talks to it:
#
#     start $mnt size=1048576     ask status     field held
#
# All that was mounted, attached and started is cleaned up at the end, also after a failure.
set -euo pipefail

skip() { echo "skip: $*"; exit 77; }
fail() { echo "FAILED: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || skip "needs root"
[ -c /dev/fuse ] || skip "needs /dev/fuse"
memory_fuse=$(realpath "${MEMORY_FUSE:?path of the memory_fuse program}")

dir=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-fuse-XXXXXX")
mnt=$dir/disk.img
cd "$dir" # fio leaves its state where it runs
loop=

cleanup() {
    local status=$?
    set +e
    mountpoint -q "$dir/fs" && umount -l "$dir/fs"
    [ -z "$loop" ] || losetup -d "$loop" 2>/dev/null && loop=
    jobs -p | xargs -r kill -9 2>/dev/null
    local at
    while read -r at; do umount -l "$at"; done < <(awk -v d="$dir/" 'index($5, d) == 1 {print $5}' /proc/self/mountinfo)
    [ -z "$loop" ] || losetup -d "$loop" 2>/dev/null
    wait 2>/dev/null
    cd /
    rm -rf "$dir"
    exit $status
}
trap cleanup EXIT
trap 'exit 1' INT TERM

need() { local p; for p; do command -v "$p" >/dev/null || skip "needs $p"; done; }
need_loop() { [ -c /dev/loop-control ] || skip "needs loop devices"; need losetup; }

# start PATH [key=value ...]: returns when it is mounted. $daemon is its process.
start() {
    rm -f "$dir/in" "$dir/out"
    mkfifo "$dir/in" "$dir/out"
    exec {in}<>"$dir/in" {out}<>"$dir/out"
    "$memory_fuse" "$@" <"$dir/in" >"$dir/out" {in}>&- {out}>&- &
    daemon=$!
    heard || fail "memory_fuse did not start"
    [ "$answer" = ready ] || fail "memory_fuse said \"$answer\""
}

# The next line that the daemon says, in $answer.
heard() { IFS= read -r -t 10 -u "$out" answer; }

ask() {
    echo "$*" >&"$in"
    heard || fail "no answer to \"$*\""
}

# One value of the status.
field() {
    ask status
    [[ " $answer " =~ " $1="([0-9]+)" " ]] || fail "no $1 in: $answer"
    echo "${BASH_REMATCH[1]}"
}

has() { [ "$(field "$1")" = "$2" ]; }

# Waits up to 5 s until the command succeeds.
await() {
    local _
    for _ in {1..50}; do
        ! "$@" || return 0
        sleep 0.1
    done
    return 1
}

# is NAME VALUE: waits until the status says so.
is() {
    ! await has "$1" "$2" || return 0
    ask status
    fail "$1 is not $2: $answer"
}

# Stops in good order; the mount must be gone.
stop() {
    ask stop
    heard || fail "did not stop"
    [ "$answer" = stopped ] || fail "said \"$answer\" at the stop"
    wait "$daemon" || fail "memory_fuse failed: $?"
    ! grep -q " $mnt " /proc/self/mountinfo || fail "is still mounted"
}

# attach FILE [losetup options]: $loop, with direct I/O.
attach() {
    loop=$(losetup --find --show --direct-io=on "$@") || fail "cannot attach a loop device"
    [ "$(losetup -n -O DIO "$loop" | tr -d ' ')" = 1 ] || fail "no direct I/O on $loop"
}

detach() { losetup -d "$loop"; loop=; }

# Must succeed within 20 s / must fail.
soon() { timeout 20 "$@" || fail "($?) $*"; }
refused() { ! timeout 20 "$@" 2>"$dir/err" || fail "succeeded: $*"; }
size_of() { stat -c %s "$1"; }
