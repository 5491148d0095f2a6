# shellcheck shell=sh
# The words of a guest's script: POSIX sh, busybox.

say() { echo "$(cut -d ' ' -f 1 /proc/uptime) $*"; }

fail() {
    echo "FAILED: $*"
    for log in /run/*.log; do
        [ -s "$log" ] && echo "--- $log" && tail -n 40 "$log"
    done
    exit 1
}

# wait_until SECONDS COMMAND...: true as soon as the command is.
wait_until() {
    deadline=$(($(cut -d . -f 1 /proc/uptime) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(cut -d . -f 1 /proc/uptime)" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# told WORD: waits for the machine outside to say so (guest_tell).
told() {
    read -r word
    [ "$word" = "$1" ] || fail "told '$word', not '$1'"
}

# QEMU's own network: the machine outside is 10.0.2.2, its loopback ports are there.
network_up() {
    modprobe virtio_pci
    modprobe virtio_net
    ip link set lo up
    ip link set eth0 up
    ip addr add 10.0.2.15/24 dev eth0
}

# hf_start URL [ARGUMENT...]: waits for `ready`; its process is $HF, its log /run/hf.log.
hf_start() {
    : >/run/hf.log
    holdfast serve "$@" --name t >>/run/hf.log 2>&1 </dev/null &
    # shellcheck disable=SC2034 # for the script
    HF=$!
    wait_until 60 hf_is_ready_or_gone
    grep -qw ready /run/hf.log || fail "holdfast does not say ready"
}
hf_is_ready_or_gone() { grep -qw ready /run/hf.log || ! kill -0 "$HF"; }
