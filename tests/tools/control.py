#!/usr/bin/python3
"""Steering a test tool while it runs: text lines over a UNIX socket.

A tool calls serve(path, handler); handler gets the words of a line and returns the text of the
answer, or raises Refused. From a shell:

    control.py SOCKET word...      prints the answer; exit status 1 when the tool refused

One command is one line, one answer is one line that begins with "ok" or "error".
"""

import os
import socket
import sys
import threading


class Refused(Exception):
    """The command makes no sense; the text says why."""


def _answer(handler, line):
    try:
        text = handler(line.split())
    except (Refused, ValueError, KeyError, IndexError) as e:
        return f"error {e or type(e).__name__}"
    return f"ok {text}" if text else "ok"


def _talk(connection, handler):
    with connection, connection.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            try:
                lines.write(_answer(handler, line) + "\n")
                lines.flush()
            except OSError:
                return


def serve(path, handler):
    """Answers commands on path from a thread of its own; handler runs one command at a time."""
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(16)
    one_at_a_time = threading.Lock()

    def locked(words):
        with one_at_a_time:
            return handler(words)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talk, args=(connection, locked), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def ask(path, *words):
    """Sends one command and returns its answer without the "ok"."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(30)
        s.connect(path)
        s.sendall((" ".join(words) + "\n").encode())
        answer = s.makefile(encoding="utf-8").readline().strip()
    verdict, _, text = answer.partition(" ")
    if verdict != "ok":
        raise Refused(text or "no answer")
    return text


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(ask(sys.argv[1], *sys.argv[2:]))
    except (Refused, OSError) as e:
        print(f"control.py: {sys.argv[1]}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
