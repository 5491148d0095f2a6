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

# From here on nothing is synchronised by us.
echo "last answer" >/srv/data/answer
echo "last answer" >/srv/more/answer
! dmesg | grep -iE 'i/o error|ext4-fs (error|warning)' || fail "the kernel's log"
say "done"
