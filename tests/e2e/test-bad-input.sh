#!/bin/bash
# What people write wrongly is refused before anything is opened: one line on stderr that names the
# thing and the mend, exit status 2 (wrong use) or 1 (cannot), and nothing on stdout. No target.
set -euo pipefail
: "${HOLDFAST:?the program under test}"
T=$(mktemp -d /tmp/holdfast-bad-input.XXXXXX)
trap 'rm -rf "$T"' EXIT
URL=iscsi://127.0.0.1:1/iqn.2026-11.org.example:disk/1
FRONT=(--run-dir "$T/run" --nbd "unix:$T/nbd")

fail() {
    echo "FAILED: $*"
    cat "$T/err" "$T/out"
    exit 1
}

# refused STATUS WORDS ARGUMENT...
refused() {
    local status=$1 words=$2 got=0
    shift 2
    timeout 10 "$HOLDFAST" "$@" >"$T/out" 2>"$T/err" </dev/null || got=$?
    [ "$got" = "$status" ] || fail "$*: exit status $got, not $status"
    [ "$(wc -l <"$T/err")" = 1 ] || fail "$*: not one line"
    [ ! -s "$T/out" ] || fail "$*: something on stdout"
    grep -qF -- "$words" "$T/err" || fail "$*: '$words' is not said"
    [ ! -e "$T/nbd" ] || fail "$*: the socket was opened"
}

# Verbs, options and operands.
refused 2 "there is no verb 'sevre'" sevre
refused 2 "URL|NAME is missing" serve
refused 2 "one word too many" serve "$URL" another
refused 2 "unknown option '--ndb'" serve "$URL" --ndb unix:/x
refused 2 "'--nbd' needs a value" serve "$URL" --nbd
refused 2 "--json takes no value" status --json=yes
refused 2 "unknown option '-x'" status -x
refused 2 "there is no verb 'x'" help x
mapfile -t MANY < <(yes -- --json | head -n 33)
refused 2 "more than 32 options" status "${MANY[@]}"

# Keys.
refused 2 "unknown key 'conect_timeout'; did you mean 'connect_timeout'?" \
    serve "$URL" "${FRONT[@]}" -o conect_timeout=3s
refused 2 "stop_timeout: '10' lacks a unit; write 10s" serve "$URL" "${FRONT[@]}" -o stop_timeout=10
refused 2 "header_digest: 'md5' is not one of none|crc32c" \
    serve "$URL" "${FRONT[@]}" -o header_digest=md5
refused 2 "write unix:PATH or tcp:HOST:PORT" serve "$URL" --nbd "$T/nbd"
refused 2 "nbd: the host is missing; write tcp:HOST:PORT" serve "$URL" --nbd tcp:
refused 2 "nbd: 'nbd' is no absolute path; write unix:/PATH" serve "$URL" --nbd unix:nbd
refused 1 "No such file or directory; make its folder first" \
    serve "$URL" --run-dir "$T/run" --nbd "unix:$T/nowhere/nbd"
refused 1 "Cannot assign requested address; give an address of this host" \
    serve "$URL" --run-dir "$T/run" --nbd tcp:192.0.2.1:10809
refused 1 "cannot be made: No such file or directory; make its folder first" \
    serve "$URL" "${FRONT[@]}" --journal "$T/nowhere/ring"
refused 2 "'/dev/sda' is no nbd device" serve "$URL" --device /dev/sda
refused 2 "'nbd0' is no nbd device" attach t nbd0
refused 1 "no daemon 't' is running" attach t /dev/nbd0 --run-dir "$T/run"
refused 1 "no daemon 't' is running" detach t --run-dir "$T/run"
refused 2 "'/dev/nbd0' is a device; write the NAME of its daemon" detach /dev/nbd0
refused 2 "'/dev/nbd0' is a device; write the NAME of its daemon" drain /dev/nbd0
if [ ! -e /sys/module/nbd ]; then
    words="has no nbd module"
    [ "$(id -u)" = 0 ] || words="needs root"
    refused 1 "$words" serve "$URL" "${FRONT[@]}" --device nbd
fi
refused 2 "is given twice" serve "$URL" --nbd "unix:$T/nbd" --nbd "unix:$T/nbd"
refused 2 "the name '../x' does not begin" serve "$URL" --name ../x "${FRONT[@]}"
refused 2 "the name '../x' does not begin" status ../x

# URLs.
refused 2 "the LUN's number is missing" serve "${URL%/1}" "${FRONT[@]}"
refused 2 "the largest is 16383" serve "${URL%1}16384" "${FRONT[@]}"
refused 2 "is no iSCSI URL" serve "http://127.0.0.1/x/1" "${FRONT[@]}"
refused 2 "chap_secret_file=PATH" serve "iscsi://u%secretsecret@h/iqn.2026-11.x:y/1" "${FRONT[@]}"
! grep -q secretsecret "$T/err" || fail "the secret is repeated"
refused 2 "the host is missing; write HOST[:PORT]" discover ""
refused 2 "the host is missing; write HOST[:PORT]" serve iscsi:///iqn.2026-11.x:y/1 "${FRONT[@]}"
refused 2 "not a number from 1 to 65535" discover 127.0.0.1:99999
refused 2 "have no meaning here" discover 127.0.0.1 -o lun=1

# Files.
refused 2 "'nowhere' is no URL, and /etc/holdfast/nowhere.conf does not exist" serve nowhere
printf 'url = %s\n\nmemroy = 4M\n' "$URL" >"$T/x.conf"
refused 2 "$T/x.conf:3: unknown key 'memroy'; did you mean 'memory'?" serve "$T/x.conf"
printf 'chap_secret = x\n' >"$T/x.conf"
refused 2 "unknown key 'chap_secret'; did you mean 'chap_secret_file'?" serve "$T/x.conf"
printf 'url %s\n' "$URL" >"$T/x.conf"
refused 2 "$T/x.conf:1: 'url iscsi' is no key; write KEY = VALUE" serve "$T/x.conf"

# Secrets.
printf 'secretsecretsecret\n' >"$T/secret"
CHAP=(-o "chap_user=u,chap_secret_file=$T/secret")
chmod 640 "$T/secret"
refused 1 "run: chmod 600 $T/secret" serve "$URL" "${FRONT[@]}" "${CHAP[@]}"
refused 1 "run: chmod 600 $T/secret" inspect "$URL" "${CHAP[@]}"
: >"$T/secret" && chmod 600 "$T/secret"
refused 1 "$T/secret: empty" serve "$URL" "${FRONT[@]}" "${CHAP[@]}"
rm "$T/secret"
refused 1 "$T/secret: No such file" serve "$URL" "${FRONT[@]}" "${CHAP[@]}"
refused 2 "the secret is missing" serve "$URL" "${FRONT[@]}" -o chap_user=u
refused 1 "systemd gave no credentials" \
    serve "$URL" "${FRONT[@]}" -o chap_user=u,chap_secret_file=credential:x

# Front ends and daemons.
if [ "$(id -u)" = 0 ] && mkdir "$T/full" && mount -t tmpfs -o size=64K none "$T/full" 2>"$T/err"; then
    trap 'umount "$T/full"; rm -rf "$T"' EXIT
    head -c 64K /dev/zero >"$T/full/all" 2>"$T/err" || true
    refused 1 "$T/full/run/lock: cannot be locked: No space left on device; give another run_dir" \
        serve "$URL" --name x --nbd "unix:$T/nbd" -o "run_dir=$T/full/run"
    umount "$T/full"
    trap 'rm -rf "$T"' EXIT
fi
refused 1 "nothing would use the LUN; give --nbd" serve "$URL" --run-dir "$T/run"
refused 1 "no daemon 'x' is running" status x --run-dir "$T/run"
refused 1 "no daemon 'x' is running" stop x --run-dir "$T/run"
refused 1 "no daemon 'x' is running" flush x --run-dir "$T/run"
refused 1 "127.0.0.1:1: connection refused; look whether the target runs" discover 127.0.0.1:1
refused 1 "$URL: connection refused; look whether the target runs" inspect "$URL" --timeout 300ms

# A second daemon of the name, and of the LUN; the first one has no target and does not mind.
: >"$T/one.log"
"$HOLDFAST" serve "$URL" --name one --run-dir "$T/run" --nbd "unix:$T/one" 2>"$T/one.log" &
PID=$!
trap 'kill -9 $PID; rm -rf "$T"' EXIT
for _ in {1..100}; do grep -q ready: "$T/one.log" && break; sleep 0.05; done
refused 1 "a daemon of this name is running already (pid $PID)" \
    serve "$URL" --name one --run-dir "$T/run" --nbd "unix:$T/nbd"
refused 1 "is served already by the daemon with pid $PID" \
    serve "$URL" --name two --run-dir "$T/run" --nbd "unix:$T/nbd"
refused 1 "$T/one" serve "${URL%1}2" --name two --run-dir "$T/run" --nbd "unix:$T/one"
# Between two attempts it waits; during one it does not.
first_waits() { [[ $("$HOLDFAST" status one --run-dir "$T/run") == "one: waiting"* ]]; }
for _ in {1..100}; do first_waits && break; sleep 0.05; done
first_waits || first_waits || fail "status of the first one"
printf 'nonsense\n' | /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
s.sendall(b"nonsense\n"); print(s.makefile().read(), end="")' "$T/run/one/control" >"$T/out"
[ "$(cat "$T/out")" = '{"ok":false,"error":"that is no JSON object on one line"}' ] ||
    fail "nonsense on the control socket"
status=0
"$HOLDFAST" flush one --timeout 300ms --run-dir "$T/run" 2>"$T/err" || status=$?
[ $status = 1 ] || fail "a flush without a target: exit status $status"
grep -q 'not flushed within 300 ms' "$T/err" || fail "a flush without a target: not a word"
kill -TERM $PID
for _ in {1..100}; do grep -q stopping "$T/one.log" && break; sleep 0.05; done # or two are one
kill -TERM $PID 2>/dev/null || true # a second one does not wait
wait $PID || true
trap 'rm -rf "$T"' EXIT
for socket in "$T/one" "$T/run/one/control"; do
    [ ! -e "$socket" ] || fail "$socket was left behind"
done
