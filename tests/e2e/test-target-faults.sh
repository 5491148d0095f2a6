#!/bin/bash
# What targets do wrong: the right data after it, or a clear refusal, but never wrong data or an
# error that could have been a wait. Each line of the table is one fault under load.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh jq

SECONDS_EACH=$(long 10 1.5)

# happened FAULT: how often until now.
happened() { fake stats | grep -o "fault ${1%%[:@=]*}=[0-9]*" || true; }

# under_fault FAULT...: load while the faults happen, then without; all of it right.
under_fault() {
    local name before
    name=load-${1%%[:@=]*}
    before=$(happened "$1")
    say "fault: $*"
    exercise "$name" "$NBD" --workers 4 --length $((16 << 20)) --pause 0.001
    sleep 0.3
    fake fault "$@"
    sleep "$SECONDS_EACH"
    fake clear
    sleep 0.3
    exercised "$name" 40
    [ "$(happened "$1")" != "$before" ] || fail "$1: did not happen"
    alive hf || fail "$1: the daemon died"
}

fake_start --size 32M --ping 0.5
hf_start "$FAKE/1" -o "command_timeout=1s,nop_interval=1s,nop_timeout=1s"
nbdsh -u "$NBD" -c 'h.pread(512, 0)'

under_fault busy:50
under_fault task-set-full:50
under_fault task-aborted:20
under_fault no-sense:20
under_fault short-residual:20@read
under_fault sense:10@write=6/29/00
under_fault sense:10@read=6/29/00
under_fault sense:10=2/04/01
under_fault sense:10=2/04/04
under_fault sense:10=0b/00/00
under_fault sense:10=6/2a/01
under_fault sense:10=6/3f/0e
under_fault deferred-error:5@write
under_fault close:3@write
under_fault close-after:3@write
under_fault async-logout:2@write
under_fault silent:2@write
under_fault silent-after:2@write
under_fault silent:1@read
under_fault close-in-login:3 close:1@write
under_fault login-status:3=0x0301 close:1@read
under_fault tmf-response:2=255 close:1@write
under_fault delay:40=20@write
say "fault: silent:1@nop, which comes only where nobody asks for anything"
before=$(happened silent)
: >"$T/hf.log"
fake fault silent:1@nop
hf_says 10 'target gone' || fail "an unanswered ping is not noticed"
[ "$(happened silent)" != "$before" ] || fail "silent@nop: did not happen"
nbdsh -u "$NBD" -c 'h.pread(512, 0)'

say "and a cache that is lost, three times"
exercise crash "$NBD" --workers 4 --length $((16 << 20)) --pause 0.001
for _ in 1 2 3; do
    sleep 0.7
    say "lost $(fake crash | tail -n 1) blocks"
done
sleep 0.5
exercised crash
/usr/bin/python3 - "$NBD" <<'PYTHON'
import sys, nbd
h = nbd.NBD()
h.connect_uri(sys.argv[1])
h.flush()
PYTHON
[ "$(fake sha256)" = "$(fake sha256 stable)" ] || fail "a FLUSH left something in the cache"
end hf TERM
[ "$ENDED" = 0 ] || fail "exit status $ENDED"

say "flush and drain end when the target has everything on stable storage"
hf_start "$FAKE/1" -o retain_time=1h
for verb in flush drain; do
    nbdsh -u "$NBD" -c "h.pwrite(b'${verb:0:1}' * 4096, 0)"
    [ "$(fake sha256)" != "$(fake sha256 stable)" ] || fail "$verb: there is nothing to see"
    "$HOLDFAST" $verb t -o "run_dir=$T/run" || fail "$verb"
    [ "$(fake sha256)" = "$(fake sha256 stable)" ] || fail "$verb left something in the cache"
done
end hf TERM
