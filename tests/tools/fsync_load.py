#!/usr/bin/python3
"""Programs that live by fsync, and what they were promised.

    fsync_load.py run FOLDER --promises FILE [--stop FILE] [--seconds S] [--seed N]
    fsync_load.py check FOLDER --promises FILE [--prefix]

`run` does one thing after the other, each with a number: it replaces a file as dpkg does (write,
fsync, rename, fsync of the folder), appends to a log with fdatasync, or commits to SQLite, once
with a rollback journal (synchronous=EXTRA: FULL may lose the last commit) and once with a
write-ahead log (FULL). When the number's fsync has returned, a line `NUMBER OBJECT` goes to FILE.

`check` looks at a FOLDER that went through a power cut, with the promises of before the cut: each
object is whole, and is as new as promised. With --prefix the disk may be older than the promises,
but if anything of number N is there, everything below N is.

Exit status: 0, or 1 (what is wrong is printed).
"""

import argparse
import hashlib
import os
import random
import sqlite3
import sys
import time

FILES = 40
LINE = 64
DATABASES = {"rollback.db": ("DELETE", "EXTRA"), "wal.db": ("WAL", "FULL")}


def file_contents(name, number):
    """First line: the number. The rest follows from name and number."""
    dice = random.Random(f"{name} {number}")
    return f"{number}\n".encode() + dice.randbytes(dice.choice((10, 3000, 5000, 40000)))


def log_line(number):
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return f"{number:020d} {digest}".encode()[:LINE - 1] + b"\n"


def row_contents(name, number):
    return random.Random(f"{name} {number}").randbytes(700)


def fsync_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


class Load:
    def __init__(self, options):
        self.folder = options.folder
        self.random = random.Random(options.seed)
        self.log = os.open(self.path("log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        fsync_folder(self.folder)
        self.databases = {name: self.open_database(name) for name in DATABASES}

    def path(self, name):
        return os.path.join(self.folder, name)

    def open_database(self, name):
        database = sqlite3.connect(self.path(name), isolation_level=None)
        journal, synchronous = DATABASES[name]
        database.execute(f"PRAGMA journal_mode={journal}")
        database.execute(f"PRAGMA synchronous={synchronous}")
        database.execute("CREATE TABLE IF NOT EXISTS t (number INTEGER PRIMARY KEY, data BLOB)")
        return database

    def replace(self, number):
        name = f"file{self.random.randrange(FILES)}"
        with open(self.path(name + ".new"), "wb") as out:
            out.write(file_contents(name, number))
            out.flush()
            os.fsync(out.fileno())
        os.rename(self.path(name + ".new"), self.path(name))
        fsync_folder(self.folder)
        return name

    def append(self, number):
        os.write(self.log, log_line(number))
        os.fdatasync(self.log)
        return "log"

    def commit(self, number):
        name = self.random.choice(sorted(self.databases))
        database = self.databases[name]
        database.execute("BEGIN")
        for old, in database.execute("SELECT number FROM t ORDER BY number LIMIT 1").fetchall():
            if self.random.random() < 0.3:
                database.execute("UPDATE t SET data=? WHERE number=?",
                                 (row_contents(name, old), old))
        database.execute("INSERT INTO t VALUES (?, ?)", (number, row_contents(name, number)))
        database.execute("COMMIT")
        return name

    def one(self, number):
        return self.random.choice((self.replace, self.append, self.commit))(number)


def run(options):
    load = Load(options)
    until = time.monotonic() + options.seconds
    number = 0
    with open(options.promises, "w", encoding="utf-8") as promises:
        while time.monotonic() < until and not os.path.exists(options.stop or "/-"):
            number += 1
            done = load.one(number)
            promises.write(f"{number} {done}\n")
            promises.flush()
    print(f"{number} things done")
    return 0


class Check:
    """What the folder shows: for each object the numbers of which something is there."""

    def __init__(self, folder):
        self.folder = folder
        self.complaints = []
        self.numbers = {"log": self.read_log()}
        for name in DATABASES:
            self.numbers[name] = self.read_database(name)
        for name in (f"file{i}" for i in range(FILES)):
            self.numbers[name] = self.read_file(name)

    def complain(self, text):
        self.complaints.append(text)

    def read_log(self):
        try:
            with open(os.path.join(self.folder, "log"), "rb") as log:
                data = log.read()
        except FileNotFoundError:
            return []
        numbers = []
        for at in range(0, len(data) - len(data) % LINE, LINE):
            line = data[at:at + LINE]
            number = int(line[:20]) if line[:20].isdigit() else 0
            if line != log_line(number):
                # Beyond what was synchronised anything may be, but then nothing follows.
                return numbers
            numbers.append(number)
        return numbers

    def read_database(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return []
        try:
            database = sqlite3.connect(path)
            verdict = database.execute("PRAGMA integrity_check").fetchall()
            if verdict != [("ok",)]:
                self.complain(f"{name}: {verdict[:3]}")
            has_table = database.execute("SELECT 1 FROM sqlite_master WHERE name='t'").fetchall()
            rows = database.execute("SELECT number, data FROM t ORDER BY number").fetchall() \
                if has_table else []
        except sqlite3.DatabaseError as e:
            self.complain(f"{name}: {e}")
            return []
        for number, data in rows:
            if data != row_contents(name, number):
                self.complain(f"{name}: row {number} is damaged")
        return [number for number, _ in rows]

    def read_file(self, name):
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return []
        number = data.split(b"\n", 1)[0][:20]
        if not number.isdigit() or data != file_contents(name, int(number)):
            self.complain(f"{name}: is damaged ({len(data)} bytes, begins with {data[:20]})")
            return []
        return [int(number)]

    def newest(self):
        return max((max(numbers) for numbers in self.numbers.values() if numbers), default=0)

    def against(self, promises):
        """Files: as new as promised. Logs and tables: every number is there."""
        newest = {}
        shown = {name: set(numbers) for name, numbers in self.numbers.items()}
        for number, name in promises:
            newest[name] = number
            if not name.startswith("file") and number not in shown[name]:
                self.complain(f"{name}: {number} was promised and is not there")
        for name, number in newest.items():
            if name.startswith("file") and max(self.numbers[name], default=0) < number:
                self.complain(f"{name}: {number} was promised, is {self.numbers[name]}")


def read_promises(path):
    with open(path, encoding="utf-8") as promises:
        lines = [line.split() for line in promises if line.endswith("\n")]
    return [(int(number), name) for number, name in lines]


def check(options):
    promises = read_promises(options.promises)
    found = Check(options.folder)
    newest = found.newest()
    if options.prefix:
        promises = [(number, name) for number, name in promises if number < newest]
    found.against(promises)
    print("\n".join(found.complaints[:10]), end="\n" if found.complaints else "")
    print(f"{len(promises)} promises, the newest thing on the disk is {newest}, "
          f"{len(found.complaints)} wrong")
    return 1 if found.complaints else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "check"))
    parser.add_argument("folder")
    parser.add_argument("--promises", metavar="FILE", required=True)
    parser.add_argument("--stop", metavar="FILE", help="end when this file exists")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prefix", action="store_true", help="an older state, but a whole one")
    options = parser.parse_args()
    return run(options) if options.what == "run" else check(options)


if __name__ == "__main__":
    sys.exit(main())
