#!/bin/bash
# .clang-format decides the layout of the C, shellcheck reads the shell.
# format.sh --self-test: both have to object to a bad file.
set -euo pipefail
cd "$(dirname "$0")/../.."

c_is_clean() { clang-format --dry-run -Werror "$@"; }
shell_is_clean() { shellcheck -x -S warning -e SC2034 "$@"; }

if [ "${1-}" = --self-test ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    cp .clang-format "$folder"
    printf 'int  f( void ){return 1;}\n' >"$folder/bad.c"
    # shellcheck disable=SC2016
    printf '#!/bin/bash\ncd $1\nrm -rf $2/*\n' >"$folder/bad.sh"
    for bad in c_is_clean:bad.c shell_is_clean:bad.sh; do
        if "${bad%:*}" "$folder/${bad#*:}" >/dev/null 2>&1; then
            echo "${bad#*:} pleases"
            exit 1
        fi
    done
    exit 0
fi
mapfile -t c < <(find src nbd-server fuse tests bench -name '*.[ch]' 2>/dev/null)
mapfile -t shell < <(grep -rlE -m1 '^#!/bin/(ba)?sh|^# shellcheck shell' scripts bench tests .ci initramfs systemd 2>/dev/null)
c_is_clean "${c[@]}"
shell_is_clean "${shell[@]}"
echo "${#c[@]} C files and ${#shell[@]} shell scripts are clean"
