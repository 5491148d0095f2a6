#!/usr/bin/python3
"""What a machine that boots by the network asks a DHCP server, and fetches by TFTP from it.

    pxe_client.py INTERFACE MAC firmware ARCH    its PXE: ARCH is option 93's, 0 BIOS, 7 and 9 UEFI
    pxe_client.py INTERFACE MAC ipxe             iPXE, as the firmware loaded it
    pxe_client.py INTERFACE MAC initramfs        a client that asks for the root path

A DHCPDISCOVER; then one line: the offered file, address, root path (17) and initiator's name (203),
"-" for what is not there. A file is fetched, too: its size in bytes is the last word. Nothing is
offered: exit status 1.
"""

import os
import socket
import struct
import sys

PATIENCE_SECONDS = 5
TFTP_BLOCK_BYTES = 512
COOKIE = b"\x63\x82\x53\x63"
SUBNET, ROUTER, VENDOR_CLASS, SERVER, FILE = 1, 3, 60, 66, 67
ROOT_PATH, USER_CLASS, ARCH, INITIATOR, IPXE = 17, 77, 93, 203, 175


def option(code, value):
    return bytes([code, len(value)]) + value


def options_of(who, arch):
    asked = [SUBNET, ROUTER]
    extra = b""
    if who in ("firmware", "ipxe"):
        asked += [SERVER, FILE, 43]
        extra += option(VENDOR_CLASS, b"PXEClient:Arch:%05d:UNDI:002001" % arch)
        extra += option(ARCH, struct.pack(">H", arch)) + option(94, b"\1\2\1")
        extra += option(97, b"\0" + bytes(range(16)))
    if who == "ipxe":
        extra += option(USER_CLASS, b"iPXE") + option(IPXE, b"\x21\1\1")
    if who in ("ipxe", "initramfs"):
        asked += [ROOT_PATH, INITIATOR]
    return extra + option(55, bytes(asked))


def discover(mac, number, who, arch):
    header = struct.pack(">BBBBIHH", 1, 1, 6, 0, number, 0, 0x8000) + bytes(16)
    return (header + mac.ljust(16, b"\0") + bytes(192) + COOKIE + option(53, b"\1")
            + options_of(who, arch) + b"\xff").ljust(300, b"\0")


def parse(packet):
    options, at = {}, 240
    while at < len(packet) and packet[at] != 255:
        if packet[at] == 0:
            at += 1
            continue
        length = packet[at + 1]
        options[packet[at]] = packet[at + 2:at + 2 + length]
        at += 2 + length
    return options


def ask(interface, mac, who, arch):
    """The offer; None when nobody made one."""
    number = int.from_bytes(os.urandom(4), "big")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        client.settimeout(PATIENCE_SECONDS)
        client.bind(("", 68))
        client.sendto(discover(mac, number, who, arch), ("255.255.255.255", 67))
        try:
            packet = client.recv(2048)
            while packet[:1] != b"\2" or packet[4:8] != struct.pack(">I", number):
                packet = client.recv(2048)
        except TimeoutError:
            return None
    return packet


def fetch(server, name):
    """Its size."""
    size = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.sendto(struct.pack(">H", 1) + name + b"\0octet\0", (server, 69))
        while True:
            packet, sender = client.recvfrom(4 + TFTP_BLOCK_BYTES)
            if packet[:2] != b"\0\3":
                sys.exit(f"TFTP: {packet[4:-1].decode()}")
            client.sendto(b"\0\4" + packet[2:4], sender)
            size += len(packet) - 4
            if len(packet) < 4 + TFTP_BLOCK_BYTES:
                return size


def main():
    interface, mac, who = sys.argv[1:4]
    arch = int(sys.argv[4]) if who == "firmware" else 0
    offer = ask(interface, bytes.fromhex(mac.replace(":", "")), who, arch)
    if offer is None:
        sys.exit("nothing is offered")
    options = parse(offer)
    name = offer[108:236].rstrip(b"\0") or options.get(FILE, b"").rstrip(b"\0")
    words = [name, socket.inet_ntoa(offer[16:20]).encode(), options.get(ROOT_PATH, b""),
             options.get(INITIATOR, b"")]
    if name:
        words.append(b"%d" % fetch(socket.inet_ntoa(offer[20:24]), name))
    print(" ".join(word.decode() or "-" for word in words))


main()
