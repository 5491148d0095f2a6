# shellcheck shell=bash
# Runs the scripts of initramfs/ in a folder ($T) that stands for the image, with commands that only
# write down how they were called ($T/calls). Sourced first by each test.
set -euo pipefail

KIT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../initramfs" && pwd)
T=$(mktemp -d /tmp/holdfast-initramfs-XXXXXX)
trap 'rm -rf "$T"' EXIT
mkdir -p "$T"/{bin,run,proc,scripts/local-top,conf,etc,sys/class/net,sbin,tmp}
: >"$T/calls"
export PATH="$T/bin:/usr/sbin:/usr/bin:/sbin:/bin" T

fail() {
    echo "FAILED: $*"
    echo "--- calls"
    cat "$T/calls"
    exit 1
}

# fake NAME <<END: a command; its text runs after the call was written down.
fake() {
    {
        echo '#!/bin/sh'
        echo "echo \"$1 \$*\" >>\"\$T/calls\""
        cat
    } >"$T/bin/$1"
    chmod +x "$T/bin/$1"
}

# moved FILE: the script, with the places of the image below $T.
moved() {
    sed -E "s#(^|[ \"'\`(=<>:])/(scripts|conf|run|proc|sys|etc|lib/holdfast|lib/dracut-lib|lib/systemd|sbin/iscsiroot|sbin/initqueue|oldsys)#\1$T/\2#g" \
        "$KIT/$1" >"$T/script"
}

called() { grep -qF -- "$1" "$T/calls" || fail "'$1' was not called"; }
not_called() { ! grep -qF -- "$1" "$T/calls" || fail "'$1' was called"; }
holds() { grep -qF -- "$2" "$1" || fail "$1 lacks '$2': $(cat "$1" 2>&1)"; }

# As an initramfs runs them: dash, and where it is, busybox.
shells() {
    echo /bin/sh
    [ ! -x /bin/busybox ] || echo "/bin/busybox sh"
}
