#!/bin/bash
# The bench works: every kind of candidate and cell is run once, briefly, and what is written is
# whole. Its figures say nothing here.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/../tests/e2e/functions.sh"
need tgtd tgtadm qemu-nbd qemu-storage-daemon nbdkit socat
: "${LOAD:?the load of the bench}"
COMPARE=$(dirname "$0")/compare
ONLY=$(long '' libiscsi,qemu-nbd,coalesce,bare)

compare() { "$COMPARE" --holdfast "$HOLDFAST" --load "$LOAD" --disk "$T" "$@" 2>"$T/compare.log"; }

say "the load counts what it does, and refuses what it cannot do"
truncate -s 4M "$T/file"
"$LOAD" "$T/file" --read 0 --sync flush --depth 4 --count 100 >"$T/load.json"
jq -e '.ops == 100 and .all_ops == 100 and .iops > 0 and .p50_us <= .p99_us and
       .p99_us <= .max_us * 1.02' "$T/load.json" >/dev/null || fail "$(cat "$T/load.json")"
! "$LOAD" "$T/nonesuch" 2>/dev/null || fail "a disk that is not there is measured"
! "$LOAD" "$T/file" --size 100 2>/dev/null || fail "a size of 100 bytes is taken"
! "$LOAD" "$T/file" --size 8M 2>/dev/null || fail "more than the disk has is taken"

say "a short run"
compare --short --out "$T/out" --only "$ONLY" >"$T/goals" || fail "the run failed"
for GOAL in P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11 P12 P13 X1 X2 X3 X4; do
    grep -qE "^ +$GOAL +(met|NOT MET|not measured) " "$T/goals" || fail "$GOAL is not judged"
    grep -qF "| $GOAL |" "$T/out/RESULTS.md" || fail "$GOAL is not in the results"
done
for GOAL in P3 P6 P7 P8 P12; do
    grep -qE "^ +$GOAL +(met|NOT MET) " "$T/goals" || fail "$GOAL was not measured"
done
grep -q 'CPU of all' "$T/out/RESULTS.md" || fail "the CPU time of load and target is missing"
grep -q 'proves only that the bench works' "$T/out/RESULTS.md" || fail "the figures look serious"
grep -qF '`scripts/bench --' "$T/out/RESULTS.md" || fail "the command is missing"
! grep -qF -e --holdfast "$T/out/RESULTS.md" || fail "the command says where this was built"
for SAMPLE in 'holdfast coalesce,nbd,steady4k-q32' 'bare server,fuse,r4k-q32'; do
    grep -q "^idle,tmpfs,1,$SAMPLE," "$T/out/RESULTS.csv" || fail "no sample of $SAMPLE"
done
/usr/bin/python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' \
    "$T/out/RESULTS-idle-tmpfs.svg" || fail "the chart is no XML"

say "judged again, the samples say the same"
cp -r "$T/out" "$T/again"
compare --again --out "$T/again" >/dev/null || fail "cannot judge again"
diff <(grep -v '^\* Judged again' "$T/again/RESULTS.md") "$T/out/RESULTS.md" ||
    fail "another judgement of the same samples"
! compare --again --out "$T" >/dev/null || fail "judged what is not there"

say "whenever it is told to end, it leaves nothing"
left() {
    compgen -G "/dev/shm/holdfast-bench-$1-*" || compgen -G "$T/holdfast-bench-$1-*" ||
        grep -qzs "=.*holdfast-bench-$1-" /proc/[0-9]*/environ # -q: despite those that just went
}
# ended SIGNAL STATUS FILE: the signal comes as soon as FILE is in one of its folders.
ended() {
    local status=0 before=$SECONDS
    "$COMPARE" --holdfast "$HOLDFAST" --load "$LOAD" --disk "$T" --short --out "$T/out3" \
        --backings disk --only coalesce >/dev/null 2>"$T/compare.log" &
    local pid=$!
    until compgen -G "$T/holdfast-bench-$pid-*/$3" >/dev/null; do
        [ $((SECONDS - before)) -lt 60 ] || fail "$3 is not made"
    done
    kill "-$1" $pid
    wait $pid || status=$?
    [ $status = "$2" ] || fail "$1 at $3: exit status $status"
    ! left $pid || fail "$1 at $3: something is left"
    ! grep -q Traceback "$T/compare.log" || fail "$1 at $3: not in good order"
}
ended TERM 143 lun.img
ended HUP 129 tgtd.log
ended TERM 143 'tgt.sock*'
ended TERM 143 'ring-*'

say "what cannot be run is said"
! compare --short --out "$T/out2" --only nobody >/dev/null || fail "nobody was measured"
grep -q 'no candidate is called so' "$T/compare.log" || fail "and nobody said so"
! compare --short --out "$T/out2" --regimes idle,bussy || fail "an unknown regime is measured"
grep -q "'bussy' is not one of idle, busy" "$T/compare.log" || fail "the regime is not named"
! compare --short --out "$T/out2" --disk "$T/none" || fail "a folder that is not there is used"
grep -q "$T/none is no folder" "$T/compare.log" || fail "the folder is not named"
! "$COMPARE" --short --load "$T/none" 2>"$T/compare.log" || fail "a load that is not there runs"
grep -q 'run: ninja -C build' "$T/compare.log" || fail "the mend is not said"
! compgen -G "$T/holdfast-bench-*" >/dev/null || fail "a folder is left"
say "done"
