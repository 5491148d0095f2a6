#!/usr/bin/python3
"""Writes seed inputs for ibft into a folder: tables of iPXE, whole and with a second target."""

import pathlib
import struct
import sys

DATA = pathlib.Path(__file__).resolve().parents[1] / "data/ibft"
TARGET = slice(0x180, 0x180 + 54)


def with_second_target(table):
    longer = bytearray(table + table[TARGET].ljust(64, b"\0"))
    struct.pack_into("<I", longer, 4, len(longer))
    struct.pack_into("<H", longer, 48 + 16, len(table))
    return bytes(longer)


def with_mutual_chap(table):
    changed = bytearray(table)
    changed[0x180 + 32] = 2
    changed[0x180 + 46:0x180 + 54] = changed[0x180 + 38:0x180 + 46]
    return bytes(changed)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in DATA.glob("*.bin"):
        table = path.read_bytes()
        for name, change in (("", bytes), ("-two", with_second_target), ("-mutual", with_mutual_chap)):
            (folder / (path.stem + name)).write_bytes(change(table))
