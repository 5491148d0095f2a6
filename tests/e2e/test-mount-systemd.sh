#!/bin/bash
# The units and the mount helpers under a real systemd: process 1 of namespaces of its own (process
# ids, mounts, control groups), with nothing started but what this test asks for.
#
# The script runs three times: as the test; as what prepares the namespaces and becomes systemd; and
# as a service of that systemd, which is the test proper.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
# shellcheck source=tests/e2e/mount.sh
. "$(dirname "$0")/mount.sh"
UNITS=${UNITS:?the folder of the units}

SYSTEMD=/lib/systemd/systemd
if [ -z "${MOUNT_INSIDE-}${STAGE-}" ]; then
    need_fuse
    need unshare findmnt journalctl systemctl "$SYSTEMD" "$SYSTEMD-journald" nbdinfo
    groups=$(findmnt -nt cgroup2 -o TARGET | head -n 1)
    group=$groups/holdfast-$$
    [ -n "$groups" ] && mkdir "$group" 2>/dev/null || skip "no control group of our own"
    on_exit "wait_until 10 find $group -depth -type d -exec rmdir {} +"
    (
        echo $BASHPID >"$group/cgroup.procs"
        STAGE=prepare OUTER=$T exec unshare -m -p -C -f --mount-proc --kill-child \
            --propagation private "$0"
    ) >"$T/systemd.log" 2>&1 </dev/null &
    PID["systemd"]=$!
    on_exit "kill -9 ${PID["systemd"]}; wait ${PID["systemd"]}" # and all of it is gone
    wait_until 10 test -e "$T/began" || skip "systemd does not run here: $(tail -n 1 "$T/systemd.log")"
    wait_until 120 test -s "$T/status" || fail "it does not end"
    cat "$T/test.log"
    exit "$(cat "$T/status")"
fi

# What a booting system does to a machine (temporary files removed, settings of the kernel, files
# below /etc and /var) must not happen to this one. So: systemd knows the units in one folder and no
# others, and all that is not ours is read-only.
if [ "${STAGE-}" = prepare ]; then
    rm -rf "$T"
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/lock /run/mount /run/holdfast /run/outer /run/units /run/generators
    mount --bind "$OUTER" /run/outer
    mount -t tmpfs -o mode=1777 tmpfs /tmp
    mkdir -p "$OUTER"
    mount --bind /run/outer "$OUTER"
    umount -R /sys/fs/cgroup 2>/dev/null || true
    mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 77
    mount --bind /proc/sys /proc/sys
    mount -o remount,bind,ro /proc/sys
    mkdir -p "$OUTER/mnt"
    printf '%s\n' "holdfast:data $OUTER/mnt holdfast _netdev,nofail,noauto,noatime 0 0" >"$OUTER/fstab"
    mount --bind "$OUTER/fstab" /etc/fstab
    mount -o remount,bind,ro /
    touch /etc/holdfast-was-here 2>/dev/null && exit 1 # it is not read-only

    for unit in holdfast@.service holdfast@.socket; do
        sed "s|^ExecStart=[^ ]*/holdfast |ExecStart=$HOLDFAST |" "$UNITS/$unit" >"/run/units/$unit"
    done
    cp /lib/systemd/system/systemd-journald{.service,.socket,-dev-log.socket} /run/units/
    for target in sysinit basic sockets shutdown umount final local-fs local-fs-pre remote-fs \
        remote-fs-pre network network-online; do
        printf '[Unit]\nDefaultDependencies=no\n' >"/run/units/$target.target"
    done
    ln -s /lib/systemd/system-generators/systemd-fstab-generator /run/generators/
    cat >/run/units/test.service <<END
[Unit]
DefaultDependencies=no
Wants=systemd-journald.service
After=systemd-journald.service
[Service]
Environment=HOLDFAST=$HOLDFAST UNITS=$UNITS OUTER=$OUTER STAGE=test
ExecStart=/bin/bash -c '"$(realpath "$0")"; echo \$\$? >$OUTER/status'
StandardOutput=append:$OUTER/test.log
StandardError=append:$OUTER/test.log
KillMode=process
END
    printf '[Unit]\nDefaultDependencies=no\nWants=test.service\n' >/run/units/test.target
    trap - EXIT
    export container=holdfast-test SYSTEMD_GENERATOR_PATH=/run/generators
    export SYSTEMD_UNIT_PATH=/run/units:/run/systemd/generator
    exec "$SYSTEMD" --system --unit=test.target --log-target=console --log-level=notice
fi

# --- inside ---

touch "$OUTER/began"
MNT=$OUTER/mnt
MOUNT_UNIT=$(systemd-escape -p --suffix=mount "$MNT")
mount_sbin
on_exit "umount -l $MNT"
on_exit "journalctl -o cat -n 60 >$T/journal.log"
truncate -s 64M "$T/disk"
make_fs ext4
tgt_new tgt
tgt_lun tgt 1 "$T/disk"
tgt_start tgt
configure data "url = $(tgt_url tgt)" "fuse = /run/holdfast/data/disk" "stop_timeout = 5s"

main_pid() { systemctl show -p MainPID --value "holdfast@$1.service"; }
is() { [ "$(systemctl is-active "$1")" = "$2" ]; }
restarted() { [ "$(main_pid data)" != "$1" ] && is holdfast@data.service active; }
served() { head -c 512 /run/holdfast/data/disk; }

say "the service: ready when start returns, restricted, and its file is the host's"
systemctl start holdfast@data.service || fail "it does not start"
pid=$(main_pid data)
grep -q '^Seccomp:.*2' "/proc/$pid/status" || fail "no filter of system calls"
[ "$(grep '^CapEff:' "/proc/$pid/status")" != "$(grep '^CapEff:' /proc/1/status)" ] ||
    fail "it kept all capabilities"
# A container may not be allowed this; then systemd goes on without.
limit=$(awk '/locked memory/ { print $4 }' "/proc/$pid/limits")
[ "$limit" = unlimited ] || [ "$limit" = "$(ulimit -Hl | awk '{ print $1 * 1024 }')" ] ||
    fail "$limit bytes may be locked"
[ "$limit" != unlimited ] || ! grep -q '^VmLck:.* 0 kB' "/proc/$pid/status" ||
    fail "its memory is not locked"
served >/dev/null || fail "its file is not there"
[ "$(readlink "/proc/$pid/ns/mnt")" = "$(readlink /proc/1/ns/mnt)" ] || fail "a mount namespace of its own"

say "killed: started again, over the dead mount"
kill -9 "$pid"
wait_until 10 restarted "$pid" || fail "not started again"
wait_until 5 served || fail "its file is not there again"

say "frozen: the watchdog ends it"
mkdir /run/units/holdfast@data.service.d
printf '[Service]\nWatchdogSec=1s\n' >/run/units/holdfast@data.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart holdfast@data.service
pid=$(main_pid data)
kill -STOP "$pid"
wait_until 20 restarted "$pid" || fail "nobody missed it"

say "a daemon with a supervisor of its own: systemd need not do anything"
configure watched "url = $(tgt_url tgt)" "nbd = unix:/run/watched.nbd" "supervise = yes" \
    "stop_timeout = 1s" "retain_time = 1m"
systemctl stop holdfast@data.service
systemctl start holdfast@watched.service || fail "it does not start"
pid=$(main_pid watched)
worker=$(cat /run/holdfast/watched/lock)
[ "$worker" != "$pid" ] || fail "there is no supervisor"
kill -9 "$worker"
another_worker() {
    [ "$(cat /run/holdfast/watched/lock)" != "$worker" ] &&
        nbdinfo --size "nbd+unix:///watched?socket=/run/watched.nbd"
}
wait_until 10 another_worker || fail "not started again"
[ "$(main_pid watched)" = "$pid" ] || fail "it was systemd that did it"

say "ended by \`holdfast stop\`, with something unwritten: it stays so"
nbdsh -u "nbd+unix:///watched?socket=/run/watched.nbd" -c 'h.pwrite(bytes(4096), 63 << 20)' ||
    fail "not written"
end tgt KILL
"$HOLDFAST" stop watched || fail "it does not stop"
sleep 3 # RestartSec= and a bit
is holdfast@watched.service inactive || is holdfast@watched.service failed ||
    fail "systemd started it again: $(systemctl is-active holdfast@watched.service)"
systemctl reset-failed holdfast@watched.service || true
tgt_start tgt
systemctl start holdfast@data.service

say "stopped: nothing is left, and it stays so"
systemctl stop holdfast@data.service || fail "it does not stop"
is holdfast@data.service inactive || fail "it did not end well: $(systemctl is-active holdfast@data.service)"
! mountpoint -q /run/holdfast/data/disk || fail "its mount is left over"

say "the mount unit of fstab starts the daemon, in a control group of its own"
systemctl start "$MOUNT_UNIT" || fail "it is not mounted: $(journalctl -o cat -n 5 -u "$MOUNT_UNIT")"
mounted "$MNT" || fail "not mounted"
is holdfast@data.service active || fail "the daemon is no service"
grep -q '/holdfast@data.service$' "/proc/$(main_pid data)/cgroup" ||
    fail "the daemon lives in the control group of the mount"
dd if=/dev/urandom of="$MNT/file" bs=1M count=4 status=none
sum=$(md5sum <"$MNT/file")

say "at shutdown the file system goes first, then the daemon, then the network"
systemctl show -p After --value "$MOUNT_UNIT" | grep -qw remote-fs-pre.target || fail "mount unit"
systemctl show -p Before --value holdfast@data.service | grep -qw remote-fs-pre.target || fail "service"
systemctl show -p After --value holdfast@data.service | grep -qw network.target || fail "network"
systemctl is-active -q remote-fs-pre.target || fail "nothing holds the order together"

say "the mount unit stopped: the daemon ends, all is written"
systemctl stop "$MOUNT_UNIT" || fail "not unmounted"
! mounted "$MNT" || fail "mounted still"
wait_until 5 is holdfast@data.service inactive || fail "the daemon goes on"
e2fsck -fn "$T/disk" >"$T/fsck" 2>&1 || fail "$(cat "$T/fsck")"
debugfs -R "dump file $T/out" "$T/disk" 2>/dev/null
[ "$(md5sum <"$T/out")" = "$sum" ] || fail "the data is not on the target"

say "what keeps the daemon from starting is said by mount"
configure data "url = $(tgt_url tgt)" "fuse = /run/holdfast/data/disk" "chap_user = me" \
    "chap_secret_file = $T/no-such-secret"
expect 32 mount "$MNT"
says "secret file $T/no-such-secret: No such file"
wait_until 5 is holdfast@data.service inactive || is holdfast@data.service failed ||
    fail "systemd tries again for ever: $(systemctl is-active holdfast@data.service)"

say "the socket unit: the daemon comes with its first client"
configure export "url = $(tgt_url tgt)"
systemctl start holdfast@export.socket || fail "no socket"
is holdfast@export.service inactive || fail "started too early"
[ "$(nbdinfo --size 'nbd+unix:///export?socket=/run/holdfast/export.nbd')" = $((64 << 20)) ] ||
    fail "not served"
is holdfast@export.service active || fail "not by the service"
[ "$(stat -c %a /run/holdfast/export.nbd)" = 600 ] || fail "others may connect"
systemctl stop holdfast@export.socket holdfast@export.service

say "wrong use is not tried again"
configure wrong "urk = 1"
systemctl start holdfast@wrong.service 2>/dev/null && fail "it starts"
is holdfast@wrong.service failed || fail "it is tried again and again"
