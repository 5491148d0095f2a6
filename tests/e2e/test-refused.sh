#!/bin/bash
# What cannot be served is refused in one clear line: exit 1 (cannot) or 2 (wrong use).
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"

LOG=$T/hf.log
# refused STATUS PATTERN ARGUMENT...: of `holdfast serve`.
refused() {
    local status=$1 pattern=$2 got=0
    shift 2
    timeout 15 "$HOLDFAST" serve "$@" -o "run_dir=$T/run" >"$LOG" 2>&1 </dev/null || got=$?
    [ "$got" = "$status" ] || fail "holdfast serve $*: exit status $got, not $status"
    grep -qiE -- "$pattern" "$LOG" || fail "holdfast serve $*: the reason is not told"
    [ "$(wc -l <"$LOG")" -le 12 ] || fail "holdfast serve $*: too many words"
    say "$(tail -n 1 "$LOG")"
}

simple_target 16M
URL=$(tgt_url tgt)
FRONT=(--name t --nbd "unix:$T/nbd")

refused 2 'url|iscsi://' "http://example.org/" "${FRONT[@]}"
refused 2 'url|lun' "iscsi://127.0.0.1/iqn.2026-11.x:y" "${FRONT[@]}"
refused 2 'url|port' "iscsi://127.0.0.1:99999/iqn.2026-11.x:y/1" "${FRONT[@]}"
refused 2 'lun' "iscsi://127.0.0.1/iqn.2026-11.x:y/77777" "${FRONT[@]}"
refused 2 'colour' "$URL" "${FRONT[@]}" -o colour=red
refused 2 'nbd.*wrong|--wrong' "$URL" "${FRONT[@]}" --wrong
refused 2 'retain' "$URL" "${FRONT[@]}" -o retain=many
refused 2 'header_digest' "$URL" "${FRONT[@]}" -o header_digest=md5
refused 2 'journal' "$URL" "${FRONT[@]}" -o journal=sometimes
refused 1 'neither a file nor a block device' "$URL" "${FRONT[@]}" -o journal=/dev/null
refused 1 "$T/no-such" "$URL" "${FRONT[@]}" -o "chap_user=u,chap_secret_file=$T/no-such"
echo secretsecret12 >"$T/open"
chmod 644 "$T/open"
refused 1 "others|mode|chmod" "$URL" "${FRONT[@]}" -o "chap_user=u,chap_secret_file=$T/open"
printf 'a file of somebody' >"$T/busy"
refused 1 "$T/busy" "$URL" --name t --nbd "unix:$T/busy"
[ "$(cat "$T/busy")" = 'a file of somebody' ] || fail "somebody's file is gone"
refused 1 "$T/none" "$URL" --name t --nbd "unix:$T/none/nbd"
refused 1 'target' "${URL/:disk/:nodisk}" "${FRONT[@]}"
refused 1 'lun' "${URL%1}5" "${FRONT[@]}"
for block in 520 8192; do
    fake_start --block $block --size $((block * 4096))
    refused 1 'block' "$FAKE/1" "${FRONT[@]}"
    end fake KILL
done
[ ! -S "$T/nbd" ] || fail "a socket was left behind"
