# shellcheck shell=sh
# What a root file system has to bear (root_ordeal, on the other side): it is written to all the
# time, while the target goes for half a minute, while the daemon is killed, while packages are
# installed. Every number that was synchronised is on the disk at the end.

# counts: the next number, each synchronised before it is said to be there, until told to stop.
counts() {
    number=0
    until [ -e /run/stop ]; do
        number=$((number + 1))
        echo $number >/root/number.new
        sync /root/number.new
        mv /root/number.new /root/number
        sync /root
        echo $number >/run/number
    done
}
count() { cat /run/number; }
counts_on() { [ "$(count)" -gt "$counted" ]; }

# goes_on SECONDS: the numbers do.
goes_on() {
    counted=$(count)
    wait_until "$1" counts_on || fail "nothing is written any more, after $counted"
}

is_called() { read -r comm <"$1/comm" && [ "$comm" = "$2" ]; }

# The process that talks to the target: its parent takes its place up again when it dies.
worker() {
    for process in /proc/[0-9]*; do
        ! is_called "$process" holdfast-worker || echo "${process#/proc/}"
    done 2>/run/worker.log # processes end meanwhile
}

is_root_disk() {
    [ "$(findmnt -no SOURCE /)" = /dev/nbd0 ] || fail "the root is $(findmnt -no SOURCE /)"
    is_up || fail "multi-user is not reached: $(systemctl --failed --no-pager --plain)"
    [ "$(cat /sys/class/net/eth0/operstate)" = up ] || fail "eth0 is down"
    [ -z "$(find /run -maxdepth 3 -type f -perm /044 -exec grep -l secret {} +)" ] ||
        fail "a secret can be read by everybody in /run"
}
is_up() { systemctl -q is-active multi-user.target; }

outage() {
    say "writing"
    told gone
    say "the target is gone, at number $(count)"
    told back
    goes_on 60
    say "survived the outage"
}

death() {
    victim=$(worker)
    [ -n "$victim" ] || fail "there is no worker: $(ps -ww -N --ppid 2 -o pid,ppid,comm,args)"
    kill -9 "$victim"
    goes_on 60
    [ "$(worker)" != "$victim" ] || fail "the worker has survived SIGKILL"
    say "survived the daemon's death"
}

packages() {
    echo 3 >/proc/sys/vm/drop_caches
    DEBIAN_FRONTEND=noninteractive dpkg -i /root/*.deb >/run/dpkg.log 2>&1 || fail "dpkg"
    sync
    echo 3 >/proc/sys/vm/drop_caches
    dpkg --verify tzdata || fail "the package is not what was unpacked"
    say "installed a package"
}

: >/run/number
echo 0 >/run/number
wait_until 60 is_up || true
is_root_disk
counts &
writer=$!
goes_on 30
outage
death
packages
touch /run/stop
wait $writer || fail "a write failed"
say "last number $(count)"
! dmesg | grep -iE 'i/o error|ext4-fs (error|warning)|hung' || fail "the kernel's log"
