#!/bin/bash
# A supervised daemon is there again after a crash, from memory: the file of its secret is gone by
# then. A start that fails is final, and so is an end that was asked for.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh

worker() { tr -d '\n' <"$T/run/lock" 2>/dev/null; }
is_another() { [ -n "$(worker)" ] && [ "$(worker)" != "$1" ]; }
serves() { timeout 5 nbdsh -u "$NBD" -c 'assert h.pread(4096, 8192) == b"kept" * 1024'; }

# Nothing to supervise.
spawn failing "$HOLDFAST" serve iscsi://127.0.0.1:1/iqn.2026-11.test:none/1 --supervise \
    --nbd "unix:/nonexistent/nbd" -o "run_dir=$T/failing"
ended_within failing 10 || fail "a start that fails is tried again"
[ "$ENDED" = 1 ] || fail "a start that fails: exit status $ENDED"

tgt_new tgt
truncate -s 64M "$T/disk"
tgt_lun tgt 1 "$T/disk"
tgt_set tgt --op new --mode account --user joe --password secretsecret12
tgt_set tgt --op bind --mode account --tid 1 --user joe
tgt_start tgt
echo secretsecret12 >"$T/secret"
chmod 600 "$T/secret"
hf_start "$(tgt_url tgt)" --supervise -o "chap_user=joe,chap_secret_file=$T/secret"
hf_says 10 'target ready' || fail "no login"
[ "$(cat "/proc/${PID[hf]}/comm") $(cat "/proc/$(worker)/comm")" = 'holdfast holdfast-worker' ] ||
    fail "ps(1) does not tell the two apart"
rm "$T/secret"
nbdsh -u "$NBD" -c 'h.pwrite(b"kept" * 1024, 8192)
h.flush()'
on_exit "ours ${PID[hf]} && kill -9 ${PID[hf]} \$(cat $T/run/lock)" # first the one that starts others
for again in 1 2 3; do
    before=$(worker)
    [ "$before" != "${PID[hf]}" ] || fail "there is no supervisor"
    kill -9 "$before"
    wait_until 20 is_another "$before" || fail "no other worker after kill $again"
    wait_until 20 serves || fail "it does not serve after kill $again"
    alive hf || fail "the supervisor ended"
done
hf_says 5 'crashed \(signal 9\), and was started again' || fail "the crash was not told"

# A machine without nbd: refused, and no harm done. (With it: tests/boot/test-nbd-*.)
if [ ! -e /sys/module/nbd ]; then
    ! "$HOLDFAST" attach t -o "run_dir=$T/run" 2>"$T/why" || fail "attached to nothing"
    grep -qE 'no nbd module|needs root' "$T/why" || fail "attach says: $(cat "$T/why")"
    ! "$HOLDFAST" detach t -o "run_dir=$T/run" 2>"$T/why" || fail "detached nothing"
    grep -q 'not attached' "$T/why" || fail "detach says: $(cat "$T/why")"
    serves || fail "it does not serve after a refused attach"
fi

# The signal goes to the worker, and its end is the end.
before=$(worker)
end hf TERM
[ "$ENDED" = 0 ] || fail "exit status $ENDED"
! kill -0 "$before" 2>/dev/null || fail "the worker lives on"
hf_says 1 'stopped; everything was written' || fail "no orderly end"
