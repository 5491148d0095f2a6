# shellcheck shell=sh
# The inside of test-service.sh.
[ -d /run/systemd/system ] || fail "systemd does not run"
wait_until 120 grep -q 'LUN 1' /srv/data/word || fail "the first LUN: $(systemctl status srv-data.mount)"
wait_until 60 grep -q 'LUN 2' /srv/more/word || fail "the second LUN: $(systemctl status srv-more.mount)"
systemctl is-active holdfast@data.service || fail "$(systemctl status holdfast@data.service)"
case $(findmnt -no OPTIONS /srv/more) in *noatime*) ;; *) fail "the options are lost" ;; esac
say "mounted"

told gone
for i in 1 2 3 4 5 6 7 8; do
    echo "answer $i" >/srv/data/answer
    echo "answer $i" >/srv/more/answer
    sync /srv/data/answer /srv/more/answer
done &
writer=$!
told back
wait $writer || fail "a write failed while the target was away"

# No mount, and yet in use: by a process that has more rights than the service.
systemctl start holdfast@disk.service || fail "$(systemctl status holdfast@disk.service)"
node=$(holdfast attach disk) || fail "no device: $(systemctl status holdfast@disk.service)"
exec 9<"$node"
! holdfast detach disk 2>/run/why || fail "detached under a process"
grep -q 'open in process' /run/why || fail "detach says: $(cat /run/why)"
systemctl restart holdfast@disk.service || fail "$(systemctl status holdfast@disk.service)"
dd of=/dev/null bs=4k count=1 iflag=direct <&9 2>/dev/null || fail "an error after the restart"
exec 9<&-
systemctl stop holdfast@disk.service
[ ! -e "/sys/block/${node#/dev/}/pid" ] || fail "the device is left over"
say "in use"

# From here on nothing is synchronised by us.
echo "last answer" >/srv/data/answer
echo "last answer" >/srv/more/answer
! dmesg | grep -iE 'i/o error|ext4-fs (error|warning)' || fail "the kernel's log"
say "done"
