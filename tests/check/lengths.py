#!/usr/bin/python3
"""No function above 70 lines, no file above 600: what is longer hides a second thing."""

import statistics
import subprocess
import sys

import sources

FUNCTION_LINES = 70
FILE_LINES = 600
FOLDERS = sources.CODE_FOLDERS + ("tests", "scripts", "bench", "initramfs")


def functions(paths):
    """(path, name, first line, lines) of each C function."""
    if not paths:
        return
    listing = subprocess.run(
        ["ctags", "-x", "--languages=C", "--langmap=C:.c.h", "--c-kinds=f",
         "--_xformat=%F\t%N\t%n\t%{end}", "-L", "-"],
        input="\n".join(map(str, paths)), text=True, check=True, capture_output=True).stdout
    for line in listing.splitlines():
        path, name, first, last = line.split("\t")
        yield path, name, int(first), int(last) - int(first) + 1


def check(top):
    paths = list(sources.files(top, FOLDERS, ".c", ".h", ".py", ".sh"))
    complaints = []
    for path in paths:
        lines = path.read_text().count("\n")
        if lines > FILE_LINES:
            complaints.append(f"{path.relative_to(top)}: {lines} lines, at most {FILE_LINES}")
    lengths = {False: [], True: []}
    for path, name, first, lines in functions([p for p in paths if p.suffix in (".c", ".h")]):
        in_tests = path.startswith(str(top / "tests"))
        lengths[in_tests].append(lines)
        if lines > FUNCTION_LINES:
            complaints.append(f"{path.removeprefix(str(top) + '/')}:{first}: {name}() has {lines} "
                              f"lines, at most {FUNCTION_LINES}")
    for in_tests, values in lengths.items():
        if values and "--self-test" not in sys.argv:
            print(f"{'tests' if in_tests else 'sources'}: {len(values)} functions, median "
                  f"{statistics.median(values):.0f} lines, p90 "
                  f"{sorted(values)[len(values) * 9 // 10]}, longest {max(values)}")
    return complaints


if __name__ == "__main__":
    sources.main(check, {
        "src/base/long_function.c": "int f(void)\n{\n" + "    g();\n" * 70 + "}\n",
        "src/base/long_file.h": "\n" * 601,
        "tests/e2e/long.sh": "#\n" * 601,
    })
