#!/bin/bash
# Reading a request fails, as the kernel says when it is short of memory: the mount stays, and what
# was asked for is answered.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"
need fio strace

# Every third time that the daemon reads, without the kernel having been asked.
reads_fail_with() {
    strace -p "$daemon" -P /dev/fuse -e trace=readv -e inject=readv:error="$1":when=2+3 \
        -o "$dir/trace" 2>"$dir/strace.log" &
    tracer=$!
    await grep -q attached "$dir/strace.log" || skip "strace cannot attach here"
}

reads_work_again() {
    kill -INT "$tracer"
    wait "$tracer" 2>/dev/null || true
    local failed
    failed=$(grep -c "$1.*INJECTED" "$dir/trace") || true
    [ "$failed" -ge 20 ] || fail "only $failed reads failed with $1: the test shows nothing"
}

start "$mnt" size=$((16 << 20))
for error in ENOMEM EINTR EAGAIN ENOENT; do
    reads_fail_with $error
    soon fio --name=f --filename="$mnt" --size=16M --direct=1 --ioengine=libaio --iodepth=8 \
        --bsrange=4k-512k --rw=randwrite --verify=crc32c --verify_fatal=1 --do_verify=1 \
        --minimal >"$dir/fio.log" || fail "$error: $(cat "$dir/fio.log")"
    reads_work_again $error
done
[ "$(field errors)" = 0 ] || fail "$answer"
stop
