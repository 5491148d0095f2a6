#!/bin/bash
# The tools of these tests: the exerciser objects to what is wrong, the fake target passes for a
# disk, the proxy does what it is told, and who judges a killed daemon or a power cut can say no.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdkit iscsi-test-cu iscsi-inq jq

exerciser() { /usr/bin/python3 "$TOOLS/exerciser.py" "$@" >"$T/exerciser.log" 2>&1; }
objects() { # WHAT PATTERN ARGUMENT...
    ! exerciser "${@:3}" || fail "the exerciser is content with $1"
    grep -q "$2" "$T/exerciser.log" || fail "the exerciser does not say what is wrong with $1"
}

truncate -s 4M "$T/file"
exerciser run "$T/file" --seconds 0.5 --model "$T/model" || fail "a good file does not please"
exerciser check "$T/file" --model "$T/model" || fail "what was written is there"
printf X | dd of="$T/file" bs=1 seek=$((1 << 20)) conv=notrunc status=none
printf X | dd of="$T/file" bs=1 seek=$((3 << 20)) conv=notrunc status=none
objects "a changed byte" 'WRONG DATA.*torn\|WRONG DATA.*foreign' check "$T/file" --model "$T/model"

spawn null nbdkit -f -U "$T/null.sock" null 4M
spawn bad nbdkit -f -U "$T/bad.sock" --filter=error memory 4M error-rate=10%
wait_until 5 test -S "$T/null.sock" && wait_until 5 test -S "$T/bad.sock" || fail "nbdkit"
objects "a disk that forgets" 'WRONG DATA' run "nbd+unix:///?socket=$T/null.sock" --seconds 0.5
objects "errors" 'I/O ERROR' run "nbd+unix:///?socket=$T/bad.sock" --seconds 0.5
say "the exerciser can fail"

# survives PLUGIN...: survivor.py's verdict of nbdkit, which knows no journal; it begins with zeros.
survives() {
    rm -f "$survives_on"
    truncate -s 4M "$survives_on"
    /usr/bin/python3 "$TOOLS/survivor.py" --nbd "nbd+unix:///?socket=$T/killed.nbd" --kills 8 \
        --log "$T/killed.log" --image "$T/killed.img" -- \
        sh -c "rm -f $T/killed.nbd; exec nbdkit -f -U $T/killed.nbd $*" >"$T/survivor.log" 2>&1
}
not_survived() { # WHAT PATTERN PLUGIN...
    ! survives "${@:3}" || fail "survivor.py is content with $1"
    grep -q "$2" "$T/survivor.log" || fail "survivor.py does not say what is wrong with $1"
}
# In memory: a flush may take seconds on a disk that others use.
shm_start
survives_on=$SHM/survives
survives file "$survives_on" || fail "survivor.py: a file keeps what a killed nbdkit wrote"
cmp -n $((1 << 20)) "$T/killed.img" "$survives_on" || fail "survivor.py: another image"
not_survived "a disk that forgets" 'WRONG DATA' memory 4M
not_survived "a cache that forgets" 'WRONG DATA' --filter=cache file "$survives_on" cache=writeback
not_survived "errors" 'I/O ERROR' --filter=error file "$survives_on" error-rate=10%
not_survived "a daemon that ends" 'ended by itself' no-such-plugin
say "survivor.py can fail"

load() { /usr/bin/python3 "$TOOLS/fsync_load.py" "$@" --promises "$T/promises" >"$T/load.out" 2>&1; }
mkdir "$T/folder"
load run "$T/folder" --seconds 1.5 || fail "fsync_load.py: an error on a good file system"
load check "$T/folder" || fail "fsync_load.py: what was promised is there"
cp "$T/promises" "$T/promised"
echo 9999999 log >>"$T/promises"
! load check "$T/folder" || fail "fsync_load.py does not miss what was promised"
load check "$T/folder" --prefix || fail "fsync_load.py: an older state is a prefix"
cp "$T/promised" "$T/promises"
file=$(awk '$2 ~ /^file/ { print $2; exit }' "$T/promises")
mv "$T/folder/$file" "$T/file.saved"
! load check "$T/folder" --prefix || fail "fsync_load.py: a state with a hole is no prefix"
{ cat "$T/file.saved" && printf X; } >"$T/folder/$file"
! load check "$T/folder" || fail "fsync_load.py does not see a damaged file"
say "fsync_load.py can fail"

fake_start
timeout 60 iscsi-test-cu -d -n -t ALL "$FAKE/1" >"$T/cu.out" 2>&1 || true
passed=$(awk '$1 == "tests" { print $4 }' "$T/cu.out")
[ "$passed" -ge 210 ] || fail "the fake target passes $passed tests of iscsi-test-cu, not 210"
! fake fault no-such-fault 2>/dev/null || fail "a fault that does not exist was accepted"

proxy_start cable "${PORTAL[fake]}"
inquiry() { timeout "$1" iscsi-inq "iscsi://${PORTAL[cable]}/${FAKE##*/}/1" >/dev/null 2>&1; }
inquiry 5 || fail "nothing comes through the proxy"
proxy cable stall
! inquiry 1 || fail "the proxy does not stall"
proxy cable resume
proxy cable delay 200
began=$(now)
inquiry 10 || fail "nothing comes through the slow proxy"
less 0.8 "$(since "$began")" || fail "the proxy is not slow"
proxy cable delay 0
proxy cable refuse
! inquiry 1 || fail "the proxy does not refuse"
proxy cable accept
inquiry 5 || fail "the proxy does not accept again"
