#!/bin/bash
# Who waits for the target can be killed: readers at once, a writer when the target has its write.
# shellcheck source=tests/fuse/functions.sh
. "$(dirname "$0")/functions.sh"

gone_within() { # SECONDS PID
    local i
    for ((i = 0; i < $1 * 10; i++)); do
        kill -0 "$2" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

start "$mnt"
ask hold
dd if="$mnt" of=/dev/null bs=4k count=1 iflag=direct status=none &
reader=$!
is held 1
kill -KILL $reader
gone_within 3 $reader || fail "a killed reader hangs"
[ "$(field in_volume)" = 1 ] || fail "the volume lost its request"

sync -d "$mnt" &
flusher=$!
is held 2
kill -INT $flusher # ignored in a background job of a script: it must wait
sleep 1.5
kill -0 $flusher || fail "an ignored signal ended a wait"
kill -TERM $flusher
gone_within 3 $flusher || fail "a killed sync hangs"

dd if=/dev/zero of="$mnt" bs=4k count=1 oflag=direct conv=notrunc status=none &
writer=$!
is held 3
kill -KILL $writer
! gone_within 1 $writer || fail "a write under way was taken back"
ask release
gone_within 3 $writer || fail "a killed writer hangs"
is in_volume 0

# A signal with a handler, again and again, under a read that waits.
ask hold
/usr/bin/python3 - "$mnt" <<'PY' &
import os, signal, sys
ticks = []
signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
signal.siginterrupt(signal.SIGALRM, True)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
libc = __import__("ctypes").CDLL(None, use_errno=True)  # os.read() would hide EINTR
fd = os.open(sys.argv[1], os.O_RDONLY)
buffer = __import__("ctypes").create_string_buffer(4096)
got = libc.read(fd, buffer, 4096)
sys.exit(0 if got == 4096 else "read: %d" % got)
PY
alarmed=$!
is held 1
sleep 1.5
ask release
wait $alarmed || fail "a harmless signal interrupted a read"
stop
