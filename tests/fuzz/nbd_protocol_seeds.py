#!/usr/bin/python3
"""Writes seed inputs for nbd_protocol into a folder: sessions as real clients hold them."""

import pathlib
import struct
import sys


def option(number, data=b""):
    return b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data


def string(text):
    return struct.pack(">I", len(text)) + text


def go(number=7, items=(0, 1, 2, 3)):
    return option(number, string(b"disk") + struct.pack(f">H{len(items)}H", len(items), *items))


def contexts(number, *queries):
    return option(number, string(b"") + struct.pack(">I", len(queries)) +
                  b"".join(map(string, queries)))


def request(kind, offset=0, length=512, flags=0, cookie=1, payload=b""):
    return struct.pack(">IHHQQI", 0x25609513, flags, kind, cookie, offset, length) + payload


FLAGS = struct.pack(">I", 3)
ALL_REQUESTS = b"".join([
    request(0), request(0, 100, 3 << 20), request(1, 512, 4096, 1, 2, b"x" * 4096),
    request(3, 0, 0), request(4, 0, 65536), request(5), request(6, 0, 65536, 2 | 16),
    request(7, 0, 1 << 19), request(7, 0, 4096, 8), request(0, 0, 65536, 4),
    request(1, 1 << 60, 100, 0, 3, b"y" * 100), request(99), request(1, 0, 100, 64, 3, b"y" * 100),
    request(2, 0, 0)])
LARGE_WRITE = request(1, 0, 1500000, 0, 4, b"z" * 1500000)
META = contexts(10, b"base:allocation", b"holdfast:dirty")

SESSIONS = {
    "list": FLAGS + option(3) + option(2),
    "info": FLAGS + option(8) + contexts(9) + contexts(9, b"base:") + go(6) + option(2),
    "structured": FLAGS + option(8) + META + go() + ALL_REQUESTS,
    "simple": FLAGS + go() + ALL_REQUESTS,
    "export_name": FLAGS + option(1, b"disk") + ALL_REQUESTS,
    "old": b"\0\0\0\0" + option(1) + ALL_REQUESTS,
    "odd": FLAGS + option(5) + option(11) + option(77, b"abc") + option(6, b"\xff" * 20) + go(),
    "adopted": ALL_REQUESTS,
    "large": FLAGS + go() + LARGE_WRITE + ALL_REQUESTS,
}

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, session in SESSIONS.items():
        for first in (0x09, 0x19, 0xe9, 0x06):
            for second in (0x00, 0x01, 0x03, 0x0d):
                path = folder / f"{name}-{first:02x}{second:02x}"
                path.write_bytes(bytes((first, second, 0, len(name))) + session)
