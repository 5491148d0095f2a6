#!/bin/bash
# istgt, the second opinion: CHECK CONDITION without sense, no UNMAP, no GET LBA STATUS, data
# digests, pings; and an outage.
# shellcheck source=tests/e2e/functions.sh
. "$(dirname "$0")/functions.sh"
need istgt nbdsh jq nbdinfo

istgt_start() { # the configuration is in $T/istgt.conf
    spawn istgt istgt -D -c "$T/istgt.conf"
    listening() { ss -Hltnp "sport = :${PORTAL[istgt]##*:}" | grep -q "pid=${PID[istgt]},"; }
    wait_until 5 listening || fail "istgt does not listen on ${PORTAL[istgt]}"
}
truncate -s 64M "$T/disk"
PORTAL[istgt]=127.0.0.1:$(free_port)
CONTROL=$(free_port)
printf '[AuthGroup1]\n' >"$T/istgt.auth"
cat >"$T/istgt.conf" <<CONF
[Global]
  NodeBase "iqn.2026-11.test.holdfast"
  PidFile $T/istgt.pid
  AuthFile $T/istgt.auth
  MediaDirectory $T
  Timeout 30
  NopInInterval 1
  DiscoveryAuthMethod None
  MaxSessions 16
  MaxConnections 4
  FirstBurstLength 262144
  MaxBurstLength 262144
  MaxRecvDataSegmentLength 262144
[UnitControl]
  AuthMethod None
  Portal UC1 127.0.0.1:$CONTROL
  Netmask 127.0.0.1
[PortalGroup1]
  Portal DA1 ${PORTAL[istgt]}
[InitiatorGroup1]
  InitiatorName "ALL"
  Netmask ALL
[LogicalUnit1]
  TargetName disk
  Mapping PortalGroup1 InitiatorGroup1
  AuthMethod None
  UnitType Disk
  QueueDepth 32
  LUN0 Storage $T/disk Auto
CONF
istgt_start
hf_start "iscsi://${PORTAL[istgt]}/$IQN/0" -o backoff_max=1s # it takes its time to log in
nbdsh -u "$NBD" -c 'h.pwrite(b"x" * 100000, 777)
h.zero(65536, 1048576)
h.flush()
assert h.pread(100000, 777) == b"x" * 100000' || fail "I/O on istgt"
nbdinfo --map "$NBD" >/dev/null || fail "the map of a LUN without GET LBA STATUS"
exercise load "$NBD" --pause 0.001
sleep "$(long 10 2)"
end istgt KILL
sleep "$(long 20 4)"
istgt_start
back=$(now)
sleep 3.5
exercised load
flowing_within 3 "$back" load
end hf TERM
[ "$ENDED" = 0 ] || fail "exit status $ENDED"
/usr/bin/python3 "$TOOLS/exerciser.py" check "$T/disk" --model "$T/load.model"
