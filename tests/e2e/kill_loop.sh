# shellcheck shell=bash
# The daemon is killed again and again under survivor.py; sourced after functions.sh.
#
# The test has a target and a LUN in $T/disk. HOLDFAST_SEED repeats the load of an earlier run; the
# moments of the kills are the clock's.

LUN_BYTES=$((64 << 20))
LOOP_BYTES=$((16 << 20)) # each loop has so many of them to itself
LOOP_OFFSET=0

# kill_loop_start KILLS [SURVIVOR'S OPTIONS...] -- HOLDFAST'S OPTIONS...: in the background.
kill_loop_start() {
    local kills=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    rm -f "$T/calm" "$T/nbd"
    NBD="nbd+unix:///t?socket=$T/nbd"
    : >"$T/survivor.log"
    spawn survivor /usr/bin/python3 "$TOOLS/survivor.py" --nbd "$NBD" --kills "$kills" \
        ${HOLDFAST_SEED:+--seed "$HOLDFAST_SEED"} --calm "$T/calm" --image "$T/image" \
        --offset "$LOOP_OFFSET" \
        --log "$T/hf.log" "${options[@]}" -- \
        "$HOLDFAST" serve "$(tgt_url tgt)" --name t --nbd "unix:$T/nbd" -o "run_dir=$T/run" "$@"
    LOOP_OFFSET=$((LOOP_OFFSET + LOOP_BYTES))
}

# kill_loop_end FILE: it found no fault, and FILE is, byte by byte, what was acknowledged, also to the
# loops before.
kill_loop_end() {
    ended_within survivor "${2:-240}" || fail "survivor.py does not end"
    grep -E '^(seed|[0-9]+ kills)' "$T/survivor.log" | tail -n 2
    [ "$ENDED" = 0 ] || fail "survivor.py: $ENDED"
    say "$(tail -n 1 "$T/survivor.log")"
    truncate -s "$LUN_BYTES" "$T/image"
    cmp "$T/image" "$1" || fail "the LUN does not hold what was acknowledged"
}

# strike_until_calm COMMAND...: runs it again and again until there are no more kills.
strike_until_calm() {
    while [ ! -e "$T/calm" ] && alive survivor; do
        "$@"
    done
}
