#!/bin/bash
# Requests run beside each other, and stop at the bounds that were set.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"
need fio

run() {
    soon fio --name=p --filename="$mnt" --size=16M --direct=1 --bs=4k --runtime=2 --time_based \
        --minimal "$@" >"$dir/fio.log" || fail "$(cat "$dir/fio.log")"
    field held_max
}
at_least() { [ "$2" -ge "$3" ] || fail "$1: at most $2 at once, not $3"; }

# FOPEN_PARALLEL_DIRECT_WRITES came with Linux 6.2.
has_parallel_writes() { [ "$(printf '%s\n' 6.2 "$(uname -r)" | sort -V | head -1)" = 6.2 ]; }

start "$mnt"
if has_parallel_writes; then
    ask delay 20
    at_least "synchronous writers" "$(run --ioengine=psync --rw=randwrite --numjobs=16 --thread)" 12
fi
ask delay 20
at_least "libaio writes" "$(run --ioengine=libaio --iodepth=64 --rw=randwrite)" 50
ask delay 20
at_least "libaio reads" "$(run --ioengine=libaio --iodepth=64 --rw=randread)" 50
ask release
stop

start "$mnt" background=4
ask delay 20
most=$(run --ioengine=libaio --iodepth=64 --rw=randwrite)
[ "$most" -le 8 ] || fail "$most at once, with calls for 8"
ask release
stop
