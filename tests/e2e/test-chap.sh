#!/bin/bash
# CHAP: right, wrong, mutual, and a target that skips its part. What is refused is refused at once.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need nbdsh

secret() { (umask 077 && printf '%s\n' "$2" >"$T/$1"); }
secret right secretsecret12
secret wrong wrongsecret123
secret target targetsecret12
US=(-o "chap_user=we,chap_secret_file=$T/right")
THEY=(-o "mutual_chap_user=they,mutual_chap_secret_file=$T/target")

# refused WHAT PATTERN ARGUMENT...: exit 1 within 5 s, saying so, and not by trying for ever.
refused() {
    local what=$1 pattern=$2
    shift 2
    hf_spawn "$URL" "$@"
    ended_within hf 5 || fail "$what: still running"
    [ "$ENDED" = 1 ] || fail "$what: exit status $ENDED"
    grep -qiE "$pattern" "$T/hf.log" || fail "$what: the reason is not told"
    say "$what: $(tail -n 1 "$T/hf.log")"
}
accepted() {
    local what=$1
    shift
    hf_start "$URL" "$@"
    timeout 10 nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 512, 0)' || fail "$what: no I/O"
    end hf TERM
    say "$what: accepted"
}

truncate -s 16M "$T/disk"
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_set tgt --op new --mode account --user we --password secretsecret12
tgt_set tgt --op bind --mode account --tid 1 --user we
tgt_set tgt --op new --mode account --user they --password targetsecret12
tgt_set tgt --op bind --mode account --tid 1 --user they --outgoing
tgt_start tgt
URL=$(tgt_url tgt)
accepted "tgt, the right secret" "${US[@]}"
accepted "tgt, mutual" "${US[@]}" "${THEY[@]}"
refused "tgt, the wrong secret" 'chap|secret|auth' -o "chap_user=we,chap_secret_file=$T/wrong"
refused "tgt, no secret" 'chap|secret|auth'
refused "tgt, the wrong target" 'chap|mutual|target' "${US[@]}" \
    -o "mutual_chap_user=they,mutual_chap_secret_file=$T/wrong"

fake_start --chap we:secretsecret12 --mutual they:targetsecret12
URL=$FAKE/1
accepted "fake, mutual" "${US[@]}" "${THEY[@]}"
writes() { fake stats | grep -oE 'op 0x[28]a [a-z]+=[0-9]+' || true; }
before=$(writes)
fake fault chap-skip
refused "fake, a target that skips CHAP" 'mutual|prove' "${US[@]}" "${THEY[@]}"
fake clear
fake fault chap-wrong-mutual
refused "fake, a target that does not know its secret" 'mutual|prove|chap' "${US[@]}" "${THEY[@]}"
[ "$(writes)" = "$before" ] || fail "a target that did not prove itself was written to"

# Once served, a wrong answer is no reason to give up: the administrator may be changing it.
fake clear
hf_start "$URL" "${US[@]}" "${THEY[@]}"
timeout 10 nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 512, 0)'
fake fault login-status=0x0201
fake cut
spawn client nbdsh -u "$NBD" -c 'h.pwrite(b"y" * 512, 512)'
sleep 2
alive hf || fail "gave up a disk that is in use"
alive client || fail "a request failed instead of waiting"
fake clear
ended_within client 7 && [ "$ENDED" = 0 ] || fail "the request was not carried out afterwards"
