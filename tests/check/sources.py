"""What the structural checks share: the project's files, and the frame of a check.

A check is a function from the top folder to a list of complaints. Run with --self-test it gets a
folder in which its rule is broken, and has to complain: a check that cannot fail is a defect.
"""

import pathlib
import re
import sys
import tempfile

CODE_FOLDERS = ("src", "nbd-server", "fuse")
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def files(top, folders, *suffixes):
    for folder in folders:
        for path in sorted((top / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def code(top):
    return files(top, CODE_FOLDERS, ".c", ".h")


def includes(path):
    """(line number, name, is a system header) of each #include."""
    text = path.read_text()
    for match in INCLUDE.finditer(text):
        own, system = match.groups()
        yield text.count("\n", 0, match.start()) + 1, own or system, own is None


def layer_of(name):
    """The layer that a path (or an included name) belongs to: base, session, nbd-server ..."""
    parts = pathlib.PurePath(name).parts
    if parts and parts[0] == "src":
        parts = parts[1:]
    return parts[0] if len(parts) > 1 else ""


def main(check, broken):
    """broken: {path: contents} that break the rule, one complaint at least for each path."""
    if "--self-test" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            top = pathlib.Path(folder)
            for name, text in broken.items():
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_text(text)
            complaints = check(top)
        missed = [name for name in broken if not any(name in line for line in complaints)]
        for name in missed:
            print(f"self-test: no complaint about {name}")
        sys.exit(1 if missed else 0)
    top = pathlib.Path(__file__).resolve().parents[2]
    complaints = check(top)
    print("\n".join(complaints) or "nothing to complain about")
    sys.exit(1 if complaints else 0)
