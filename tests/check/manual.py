#!/usr/bin/python3
"""The manual says what the program says: verbs, options, keys, defaults, choices, log lines."""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def plain(page):
    """The page as text, without line breaks and overstrikes."""
    text = run("mandoc", "-Tascii", "-Owidth=500", str(page))
    return re.sub(r".\x08", "", text)


def rows(text):
    """(head, help) of the indented lines of a --help; deeper ones go on with the one before."""
    for line in text.splitlines():
        if re.match(r"  \S", line):
            head, _, words = re.sub(r" {2,}", "\0", line.strip(), count=1).partition("\0")
            yield head, words


def verbs_of(program):
    return [head.split()[0] for head, _ in rows(run(program, "help"))]


def options_of(program, verb):
    """The options of a verb, "--name" or "-o", with the name of their value."""
    for head, _ in rows(run(program, verb, "--help")):
        if head.startswith("-"):
            yield head.partition(" ")[::2]


def keys_of(program):
    """(key, value, default or None) of the option table."""
    for head, words in rows(run(program, "serve", "--help")):
        found = re.match(r"([a-z_]+)=(\S+)(?: (.*))?$", head)
        if found and not head.startswith("-"):
            words = words or found.group(3) or ""
            default = re.search(r"\[([^]]*)\]$", words)
            yield found.group(1), found.group(2), default and default.group(1)


def section_of(page, verb, verbs):
    """The mdoc source of a verb's own item."""
    source = page.read_text()
    start = source.index(f"\n.It Cm {verb}")
    others = [source.find(f"\n.It Cm {other}", start + 1) for other in verbs]
    others.append(source.index("\n.Ss What each failure costs"))
    return source[start:min(o for o in others if o > start)]


def check_verbs(program, page):
    verbs = verbs_of(program)
    source = page.read_text()
    documented = re.findall(r"^\.It Cm ([a-z]+)", source, re.M)
    for verb in verbs:
        if verb not in documented:
            yield f"{page.name}: the verb {verb} is missing"
            continue
        part = section_of(page, verb, verbs)
        in_synopsis = source[source.index(f"\n.Cm {verb}\n"):].partition("\n.Nm\n")[0]
        known = {name for name, _ in options_of(program, verb)}
        for name in known:
            mdoc = ".It Fl " + ("-" + name[2:] if name.startswith("--") else name[1:])
            if not re.search(re.escape(mdoc) + r"\b", part):
                yield f"{page.name}: {verb}: {name} is missing"
            if not re.search(r"Fl " + re.escape(name[1:]) + r"\b", in_synopsis):
                yield f"{page.name}: {verb}: {name} is missing in the synopsis"
        for name in re.findall(r"^\.It Fl (-?[a-z-]+)", part, re.M):
            if "-" + name not in known:
                yield f"{page.name}: {verb}: there is no option -{name}"
    for verb in set(documented) - set(verbs):
        yield f"{page.name}: there is no verb {verb}"


def check_keys(program, page):
    source = page.read_text()
    items = re.split(r"^\.It Cm ", source, flags=re.M)[1:]
    documented = {}
    for item in items:
        head, _, body = item.partition("\n")
        found = re.match(r"([a-z_]+) Ns = Ns Ar (\S+)$", head)
        if not found:
            yield f"{page.name}: the item '{head}' is not understood"
            continue
        default = re.search(r"^\.Pq Default: Ql (\S+) \.$", body.partition("\n.El")[0], re.M)
        documented[found.group(1)] = (found.group(2), default and default.group(1))
    keys = list(keys_of(program))
    for key, value, default in keys:
        if key not in documented:
            yield f"{page.name}: the key {key} is missing"
        elif documented[key] != (value, default):
            yield f"{page.name}: {key}: {documented[key]} is written, {(value, default)} is true"
    for key in set(documented) - {key for key, _, _ in keys}:
        yield f"{page.name}: there is no key {key}"
    if [key for key, _, _ in keys if key in documented] != [k for k in documented]:
        yield f"{page.name}: the keys stand in another order than in the table"


# The beginnings of log lines in the sources, up to the first thing that is filled in.
LOG_CALL = re.compile(r'(?:say|log_line|log_format|hold)\([^;"]*?STORY_(?:ERROR|WARNING|NOTICE)'
                      r'(?: : STORY_[A-Z]+)?,\s*((?:"[^"]*"\s*(?:PRI[a-zA-Z0-9]+\s*)?)+)')
# Lines of the start, each of which says what to do by itself.
SELF_EVIDENT = ("NOTIFY_SOCKET", "the secret is shorter", "tcp_congestion", "target gone", "stopping", "stopped",
                "the end itself hangs", "more command")


def log_lines(sources):
    for path in sources:
        for call in LOG_CALL.finditer(path.read_text()):
            text = "".join(re.findall(r'"([^"]*)"', call.group(1)))
            parts = [part.strip() for part in re.split(r"%[-0-9.*]*[a-zA-Z]*|[;:(),]", text)]
            telling = [part for part in parts if len(part) > 9]
            if telling and not any(s in text for s in SELF_EVIDENT):
                yield path.name, telling[0]


def check_log_lines(sources, page):
    text = re.sub(r"\s+", " ", plain(page).partition("\nDIAGNOSTICS\n")[2])
    for name, line in log_lines(sources):
        if line not in text:
            yield f"{page.name}: DIAGNOSTICS lacks the line '{line}' of {name}"


def check_lint(page):
    result = subprocess.run(["mandoc", "-Tlint", str(page)], capture_output=True, text=True,
                            check=False)
    for line in result.stdout.splitlines():
        if "referenced manual not found" not in line and "mandoc.db" not in line:
            yield line


def check(program, top, sources):
    conf, manual = top / "holdfast.conf.5", top / "holdfast.8"
    complaints = [line for page in sorted(top.glob("*.[1-9]"))
                  if not page.read_text().startswith(".so ") for line in check_lint(page)]
    complaints += check_verbs(program, manual)
    complaints += check_keys(program, conf)
    complaints += check_log_lines(sources, manual)
    return complaints


def broken_copies(top, folder):
    """Pages with one fault each, and what must be said about it."""
    faults = [
        ("holdfast.conf.5", ".It Cm nop_timeout ", ".It Cm nop_time_out ", "nop_timeout is missing"),
        ("holdfast.conf.5", "Default: Ql 32M", "Default: Ql 64M", "memory"),
        ("holdfast.conf.5", "Ar none|crc32c", "Ar none|md5", "header_digest"),
        ("holdfast.8", ".It Cm flush Ar NAME", ".It Cm flash Ar NAME", "verb flush is missing"),
        ("holdfast.8", ".It Fl -watch", ".It Fl -follow", "--watch is missing"),
        ("holdfast.8", ".It another LUN answers", ".It another disk answers", "another LUN answers"),
        ("holdfast.8", ".Sh EXIT STATUS", ".Sh\n.Sh EXIT STATUS", "WARNING"),
    ]
    for i, (name, old, new, expected) in enumerate(faults):
        copy = folder / str(i)
        copy.mkdir()
        for page in ("holdfast.conf.5", "holdfast.8"):
            text = (top / page).read_text()
            assert name != page or old in text, old
            (copy / page).write_text(text.replace(old, new) if name == page else text)
        yield copy, expected


def self_test(program, sources):
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        for copy, expected in broken_copies(TOP / "man", Path(folder)):
            complaints = check(program, copy, sources)
            if not any(expected in line for line in complaints):
                sys.exit(f"a fault was not seen: {expected}: {complaints}")


if __name__ == "__main__":
    sources_of_lines = sorted((TOP / "src/daemon").glob("*.c"))
    if sys.argv[2:] == ["--self-test"]:
        self_test(sys.argv[1], sources_of_lines)
        sys.exit(0)
    found = check(sys.argv[1], TOP / "man", sources_of_lines)
    print("\n".join(found) or "nothing to complain about")
    sys.exit(1 if found else 0)
