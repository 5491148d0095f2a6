# shellcheck shell=bash
# What scripts/check and scripts/demo share; sourced from the top folder of the project.

# install_packages WHAT...: those of scripts/packages (build, run, test) that are not there yet.
install_packages() {
    local what name missing=()
    while read -r what name; do
        [[ " $* " == *" $what "* ]] || continue
        dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null | grep -q '^ii' ||
            missing+=("$name")
    done < <(grep -v '^#' scripts/packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || {
        echo "missing: ${missing[*]}" >&2
        echo "Run this as root, or: sudo apt-get install ${missing[*]}" >&2
        return 1
    }
    echo "Installing from Debian: ${missing[*]}"
    # A clock that is behind the mirror's must not stand in the way.
    apt-get -q -o Acquire::Check-Date=false update >"$APT_LOG" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install \
            "${missing[@]}" >>"$APT_LOG" 2>&1 || {
        tail -n 20 "$APT_LOG" >&2
        return 1
    }
}

# build_in FOLDER ARGUMENT...: with the system's own python and tools; all, or $TARGETS.
build_in() {
    local folder=$1
    shift
    if [ -f "$folder/build.ninja" ]; then
        meson configure "$folder" "$@"
    else
        meson setup "$folder" "$@"
    fi >"$folder.log" 2>&1 && ninja -C "$folder" ${TARGETS-} >>"$folder.log" 2>&1 || {
        tail -n 40 "$folder.log" >&2
        echo "The build in $folder failed; the whole story is in $folder.log" >&2
        return 1
    }
}
