# shellcheck shell=bash
# The one library of the end-to-end tests, sourced first by each of them.
#
# A test runs in a folder of its own ($T) on loopback or in network namespaces of its own. What it
# starts it ends: processes by their pid, mounts, loop devices, namespaces. It exits 0 (passed),
# 77 (cannot run here: it says why) or anything else.
#
# HOLDFAST       the program under test (set by meson)
# HOLDFAST_LONG  not empty: the durations that the manual promises, not the short ones
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin # and its python, which has libnbd

TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")/../tools" && pwd)
E2E=$(dirname "${BASH_SOURCE[0]}")
TEST=$(basename "$0" .sh)
IQN=iqn.2026-11.test.holdfast:disk
declare -A PID=() PORTAL=() PORTAL2=() PREFIX=()
CLEANUPS=()

say() { printf '%7.2f %s\n' "$(now)" "$*"; }
now() { awk '{print $1}' /proc/uptime; }
since() { awk -v a="$(now)" -v b="$1" 'BEGIN { print a - b }'; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }

skip() {
    echo "SKIP: $*"
    exit 77
}

fail() {
    echo "FAILED: $*"
    exit 1
}

# need COMMAND...: skips the test where one is missing.
need() {
    local command
    for command; do
        command -v "$command" >/dev/null || skip "$command is not installed"
    done
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }
need_fuse() { need_root && [ -c /dev/fuse ] || skip "needs /dev/fuse"; }

# long LONG SHORT: the one that the run asks for.
long() { if [ -n "${HOLDFAST_LONG-}" ]; then echo "$1"; else echo "$2"; fi; }

# on_exit COMMAND...: run at the end, the last one first.
on_exit() { CLEANUPS+=("$*"); }

clean_up() {
    local status=$? i
    trap - EXIT INT TERM
    set +e
    if [ "$status" != 0 ] && [ "$status" != 77 ]; then
        for i in "$T"/*.log; do
            [ -s "$i" ] && echo "--- ${i##*/}" && tail -n 40 "$i"
        done
    fi
    for ((i = ${#CLEANUPS[@]} - 1; i >= 0; i--)); do
        eval "${CLEANUPS[i]}" >/dev/null 2>&1
    done
    rm -rf "$T"
    exit "$status"
}

T=$(mktemp -d "/tmp/holdfast-$TEST.XXXXXX")
export STATE_DIRECTORY=$T/state # in place of /var/lib/holdfast
trap clean_up EXIT
trap 'exit 130' INT TERM

# wait_until SECONDS COMMAND...: true as soon as the command is.
wait_until() {
    local deadline
    deadline=$(awk -v n="$(now)" -v s="$1" 'BEGIN { print n + s }')
    shift
    until "$@" >/dev/null 2>&1; do
        less "$(now)" "$deadline" || return 1
        sleep 0.05
    done
}

# spawn NAME COMMAND...: in the background, output in $T/NAME.log, ended with the test.
# PREFIX[NAME] (words) goes before the command: a network namespace, strace ...
spawn() {
    local name=$1
    shift
    # shellcheck disable=SC2086
    ${PREFIX[$name]-} "$@" >>"$T/$name.log" 2>&1 </dev/null &
    PID[$name]=$!
    on_exit "ours ${PID[$name]} && kill -9 ${PID[$name]}; wait ${PID[$name]}"
}

# Our child: its number may be another's by now.
ours() { grep -qsx "PPid:[[:space:]]*$$" "/proc/$1/status"; }

alive() { kill -0 "${PID[$1]}" 2>/dev/null && ! grep -q '^State:.Z' "/proc/${PID[$1]}/status"; }

# end NAME [SIGNAL]: sends it and waits for the end; the status is in ENDED.
end() {
    kill "-${2:-TERM}" "${PID[$1]}" 2>/dev/null || true
    ENDED=0
    wait "${PID[$1]}" 2>/dev/null || ENDED=$?
}

# ended_within NAME SECONDS: the process ended by itself; the status is in ENDED.
ended_within() {
    wait_until "$2" gone "$1" || return 1
    ENDED=0
    wait "${PID[$1]}" || ENDED=$?
}
gone() { ! alive "$1"; }

control() { /usr/bin/python3 "$TOOLS/control.py" "$@"; }

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# detach_loops FILE: by the file, not by a number that may be another's by now.
detach_loops() { losetup -n -O NAME -j "$1" | xargs -r losetup -d; }

# --- Debian's tgt. tgt_new, tgt_lun and tgt_set describe it; tgt_start makes it so, again and again.

# tgt_new NAME [HOST [HOST2]]: a portal on each host, on one port that is free.
tgt_new() {
    local name=$1 host=${2:-127.0.0.1} host2=${3-}
    need tgtd tgtadm
    PORTAL[$name]=$host:$(free_port)
    PORTAL2[$name]=${host2:+$host2:$(free_port)}
    : >"$T/$name.plan"
    tgt_set "$name" --op new --mode target --tid 1 --targetname $IQN
    for key in MaxRecvDataSegmentLength FirstBurstLength; do
        tgt_set "$name" --op update --mode target --tid 1 --name $key --value 262144
    done
    tgt_set "$name" --op bind --mode target --tid 1 -I ALL
}

tgt_set() { printf '%s\n' "${*:2}" >>"$T/$1.plan"; }
tgt_do() { TGT_IPC_SOCKET=$T/$1.sock tgtadm -C 0 --lld iscsi "${@:2}"; }

# tgt_lun NAME NUMBER FILE [BLOCK [PARAMS]]; the identity follows from the file's name.
tgt_lun() {
    local id
    id=$(basename "$3" | md5sum | cut -c1-10)
    tgt_set "$1" --op new --mode logicalunit --tid 1 --lun "$2" --backing-store "$3" \
        --blocksize "${4:-512}"
    tgt_set "$1" --op update --mode logicalunit --tid 1 --lun "$2" \
        --params "scsi_sn=$id,scsi_id=$id${5:+,$5}"
}

tgt_owns_portals() {
    local portal
    alive "$1" || return 1
    for portal in ${PORTAL[$1]} ${PORTAL2[$1]}; do
        # shellcheck disable=SC2086
        ${PREFIX[$1]-} ss -Hltnp "sport = :${portal##*:}" | grep -q "pid=${PID[$1]}," || return 1
    done
}

tgt_start() {
    local name=$1 line portals
    portals=portal=${PORTAL[$name]}${PORTAL2[$name]:+,portal=${PORTAL2[$name]}}
    rm -f "$T/$name.sock".*
    TGT_IPC_SOCKET=$T/$name.sock spawn "$name" tgtd -f -C 0 --iscsi "$portals"
    wait_until 5 tgt_owns_portals "$name" || fail "tgtd does not listen on ${PORTAL[$name]}"
    wait_until 5 tgt_do "$name" --op show --mode sys || fail "tgtd does not answer tgtadm"
    while read -r line; do
        # shellcheck disable=SC2086
        tgt_do "$name" $line || fail "tgtadm $line"
    done <"$T/$name.plan"
}

tgt_url() { echo "iscsi://${PORTAL[$1]}/$IQN/${2:-1}"; }

# simple_target [SIZE]: one tgt with one thin LUN in $T/disk, up.
simple_target() {
    truncate -s "${1:-512M}" "$T/disk"
    tgt_new tgt
    tgt_lun tgt 1 "$T/disk" 512 thin_provisioning=1
    tgt_start tgt
}

# --- Targets that lose data or misbehave.

# fake_start [OPTION...]: the scriptable target; fake COMMAND... steers it, $FAKE is its URL.
fake_start() {
    : >"$T/fake.log"
    spawn fake /usr/bin/python3 "$TOOLS/fake_target.py" --control "$T/fake.sock" --verbose "$@"
    wait_until 5 grep -q '^listening' "$T/fake.log" || fail "the fake target does not start"
    PORTAL[fake]=$(awk '/^listening/ { print $2 }' "$T/fake.log")
    FAKE=iscsi://${PORTAL[fake]}/iqn.2026-11.test.holdfast:fake
}
fake() { control "$T/fake.sock" "$@"; }

# lossy_start FILE: nbdkit's write-back cache over FILE, as the file $T/lossy/disk for a tgt.
# lossy_crash: the cache and all that was not synchronised is gone, and so is the tgt named tgt.
lossy_start() {
    need nbdkit nbdfuse
    LOSSY_FILE=$1
    mkdir -p "$T/lossy"
    touch "$T/lossy/disk"
    rm -f "$T/lossy.nbd"
    spawn nbdkit nbdkit -f -U "$T/lossy.nbd" --filter=cache file "$LOSSY_FILE" cache=writeback
    wait_until 5 test -S "$T/lossy.nbd" || fail "nbdkit does not start"
    spawn nbdfuse nbdfuse "$T/lossy/disk" "nbd+unix:///?socket=$T/lossy.nbd"
    on_exit "umount -l $T/lossy/disk"
    wait_until 5 mountpoint -q "$T/lossy/disk" || fail "nbdfuse does not mount"
}

lossy_crash() {
    kill -STOP "${PID[tgt]}" # or it would still tell of the broken disk below it
    end nbdkit KILL
    end tgt KILL
    umount -l "$T/lossy/disk" || true
    end nbdfuse KILL
    lossy_start "$LOSSY_FILE"
}

# proxy_start NAME HOST:PORT: a proxy before it; PORTAL[NAME] is its address; proxy NAME COMMAND...
proxy_start() {
    spawn "$1" /usr/bin/python3 "$TOOLS/proxy.py" --to "$2" --control "$T/$1.sock"
    wait_until 5 grep -q '^listening' "$T/$1.log" || fail "the proxy does not start"
    PORTAL[$1]=$(awk '/^listening/ { print $2 }' "$T/$1.log")
}
proxy() { control "$T/$1.sock" "${@:2}"; }

# --- holdfast.

# hf_start URL [ARGUMENT...]: NBD on $NBD (a URI) and, with FUSE=1, the file $T/lun; waits for
# `ready`. The process is called hf (log: $T/hf.log).
hf_start() {
    hf_spawn "$@"
    wait_until 10 hf_is_ready || fail "holdfast does not say ready"
}

hf_spawn() {
    local url=$1 front=()
    shift
    NBD="nbd+unix:///t?socket=$T/nbd"
    front=(--nbd "unix:$T/nbd")
    if [ -n "${FUSE-}" ]; then
        front+=(--fuse "$T/lun")
        on_exit "umount -l $T/lun"
    fi
    : >"$T/hf.log"
    spawn hf "$HOLDFAST" serve "$url" --name t "${front[@]}" -o "run_dir=$T/run" "$@"
}
hf_is_ready() { alive hf && grep -qw ready "$T/hf.log"; }

# hf_says SECONDS PATTERN: its log matches (extended, any case) within the time.
hf_says() { wait_until "$1" grep -qiE "$2" "$T/hf.log"; }

hf_status() { "$HOLDFAST" status t -o "run_dir=$T/run" "$@"; }

# shm_start: $SHM, a folder in memory, for journals.
shm_start() {
    SHM=$(mktemp -d "/dev/shm/holdfast-$TEST.XXXXXX") || skip "no /dev/shm here"
    on_exit "rm -rf $SHM"
}

# A process's figure of /proc/PID/status, as a number.
status_figure() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/${PID[$1]}/status"; }

# --- Namespaces: the target in one, holdfast in another, a cable between. Sockets and files stay
# where they are: only the network is another.
#
#   $NET_CLIENT: 10.77.0.1/24 on $CABLE ---- 10.77.0.2/24, and 10.78.0.1 behind it: $NET_TARGET
net_start() {
    need_root
    need ip nsenter
    NET_CLIENT=hf-$$-c NET_TARGET=hf-$$-t CABLE=hf$$c
    ip netns add "$NET_CLIENT" 2>/dev/null || skip "no network namespaces here"
    on_exit "ip netns del $NET_CLIENT"
    ip netns add "$NET_TARGET"
    on_exit "ip netns del $NET_TARGET"
    ip -n "$NET_CLIENT" link add "$CABLE" type veth peer name far netns "$NET_TARGET" ||
        skip "no veth here"
    ip -n "$NET_TARGET" link set lo up
    ip -n "$NET_TARGET" link set far up
    ip -n "$NET_TARGET" addr add 10.77.0.2/24 dev far
    ip -n "$NET_TARGET" addr add 10.78.0.1/32 dev lo
    ip -n "$NET_CLIENT" link set lo up
    net_plug
    PREFIX[tgt]="nsenter --net=/run/netns/$NET_TARGET"
    PREFIX[hf]="nsenter --net=/run/netns/$NET_CLIENT"
}
net_plug() {
    ip -n "$NET_CLIENT" link set "$CABLE" up
    ip -n "$NET_CLIENT" addr replace 10.77.0.1/24 dev "$CABLE"
    net_route
}
net_route() { ip -n "$NET_CLIENT" route replace 10.78.0.0/24 via 10.77.0.2; }

# --- Load that knows what was answered.

# exercise NAME WHERE [ARGUMENT...]: starts the writer and verifier; exercised NAME ends it,
# demands that every answer was right, and leaves its figures in $T/NAME.json.
exercise() {
    local name=$1
    shift
    rm -f "$T/$name.stop" "$T/$name.json"
    spawn "$name" /usr/bin/python3 "$TOOLS/exerciser.py" run "$@" --stop "$T/$name.stop" \
        --report "$T/$name.json" --model "$T/$name.model"
}

exercised() {
    touch "$T/$1.stop"
    ended_within "$1" "${2:-60}" || fail "$1: requests are still waiting"
    [ "$ENDED" = 0 ] || fail "$1: wrong data or errors"
    say "$1: $(jq -c 'del(.gaps)' "$T/$1.json")"
}

# flowing_within SECONDS SINCE NAME: what waited at the time SINCE was answered so soon after it.
flowing_within() {
    local ended
    ended=$(jq --argjson since "$2" '[.gaps[] | select(.[0] < $since)[1]] | max // 0' "$T/$3.json")
    less "$2" "$ended" || fail "$3: no request waited: the outage was none"
    less "$ended" "$(awk -v a="$2" -v s="$1" 'BEGIN { print a + s }')" ||
        fail "$3: first answer $(awk -v a="$2" -v e="$ended" 'BEGIN { print e - a }') s after the return, at most $1 s"
}
