#!/usr/bin/python3
"""Writes seed inputs for boot_texts into a folder: command line, lease, boot.conf."""

import pathlib
import sys

IQN = "iqn.2026-11.test:a"
LINES = [
    "root=UUID=1 holdfast=dhcp ip=dhcp",
    f"holdfast=iscsi://joe@192.0.2.7:3261,[::1]/{IQN}/5 holdfast.ignore=ibft,dhcp",
    f'ISCSI_TARGET_NAME={IQN} ISCSI_TARGET_IP="192.0.2.7 [::1]:1" ISCSI_TARGET_PORT=3260 '
    "ISCSI_USERNAME=joe ISCSI_PASSWORD=s ISCSI_IN_USERNAME=t ISCSI_IN_PASSWORD=u iscsi_lun=3",
    f"netroot=iscsi:joe:s:t:u@[::1]:6:3260:default:eth0:1-0-0-0:{IQN} rd.iscsi.initiator={IQN}",
    f"root=iscsi:h::::{IQN} rd.iscsi.firmware=1 holdfast.timeout=5m",
]
LEASE = f"ROOTPATH='iscsi:::3260:1:{IQN}'"
FILE = f"url = ibft\ninitiator = {IQN}\nchap_user = joe\nchap_secret_file = /s\nmemory = 64M\n"

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for i, line in enumerate(LINES):
        (folder / f"{i}").write_text(f"{line}\n{LEASE}\n{FILE}")
        (folder / f"{i}-file").write_text(f"{line}\n\ntarget = {IQN}\nlun = 1\nportal = h\n")
