# shellcheck shell=bash
# Guests for the tests of kernel and boot: Debian's own kernel under QEMU's emulation, with the
# program under test and a script in its initramfs. Sourced after tests/e2e/functions.sh, whose
# targets the guest reaches at the same ports of $GUEST_HOST. Nothing is installed on this machine:
# the kernel's package is unpacked once in BOOT_CACHE.
#
#   guest_module nbd ext4             what the image shall hold, besides busybox and $HOLDFAST
#   guest_program mkfs.ext4
#   guest_file "$T/secret" /etc/secret
#   guest_start <<'END'               boots it; END is for sh -eu, with the words of guest/inside.sh
#   network_up
#   END
#   guest_says 60 'ready'             waits for a line of the script; guest_tell WORD answers
#   guest_ends 120                    its exit status, or the test fails
#
# What the script says is in $T/script.log, the kernel's log in $T/console.log.

BOOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${BOOT_CACHE:?run me with meson test, or set BOOT_CACHE to a folder for downloads}"
# shellcheck disable=SC2034 # for the tests
GUEST_HOST=10.0.2.2
GUEST_MACHINE=(-M q35 -accel 'tcg,thread=multi' -cpu max -smp 2 -m 768)
GUEST_UUID=0d2e9f2c-6d3f-4b8f-9a51-6f2f3a0c7710
GUEST_DISPLAY=(-display none -vga none -monitor none -no-reboot -uuid "$GUEST_UUID")
GUEST_NETWORK=(-netdev 'user,id=net' -device 'virtio-net-pci,netdev=net,romfile=')
GUEST_ROOT=$T/guest
GUEST_MODULES=(virtio_pci virtio_net)

# --- Debian's kernel: $KERNEL (the image), $KERNEL_VERSION, $KERNEL_TREE (lib/modules in it).

guest_kernel() {
    local lock
    need qemu-system-x86_64 busybox depmod modprobe cpio apt-get
    mkdir -p "$BOOT_CACHE"
    exec {lock}>"$BOOT_CACHE/kernel.lock"
    flock "$lock"
    KERNEL_TREE=$BOOT_CACHE/kernel
    [ -f "$KERNEL_TREE/version" ] || guest_fetch_kernel
    exec {lock}>&-
    KERNEL_VERSION=$(cat "$KERNEL_TREE/version")
    KERNEL=$KERNEL_TREE/boot/vmlinuz-$KERNEL_VERSION
}

guest_fetch_kernel() {
    local folder=$BOOT_CACHE/fetch package
    package=$(kernel_package) || skip "apt-cache knows no linux-image-amd64"
    rm -rf "$folder" "$KERNEL_TREE"
    mkdir "$folder"
    say "fetching $package"
    (cd "$folder" && apt-get -q -o APT::Sandbox::User=root download "$package") \
        >"$T/apt.log" 2>&1 || skip "$package cannot be downloaded: $(tail -n 1 "$T/apt.log")"
    dpkg -x "$folder"/*.deb "$folder/tree"
    depmod -b "$folder/tree" "${package#linux-image-}"
    echo "${package#linux-image-}" >"$folder/tree/version"
    mv "$folder/tree" "$KERNEL_TREE"
    rm -rf "$folder"
}

# The package that Debian's linux-image-amd64 stands for; its lists may have to be fetched first.
kernel_package() {
    kernel_package_of_lists && return
    apt-get -q -o Acquire::Check-Date=false update >"$T/apt.log" 2>&1
    kernel_package_of_lists
}
kernel_package_of_lists() {
    apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image/ { print $2 }' |
        grep -m 1 .
}

# --- The image.

guest_module() { GUEST_MODULES+=("$@"); }

# guest_file FILE PATH [MODE]
guest_file() { install -D -m "${3:-0644}" "$1" "$GUEST_ROOT$2"; }

# guest_program COMMAND...: from this machine, with the libraries that it needs.
guest_program() {
    local program
    for program; do
        need "$program"
        guest_binary "$(command -v "$program")" "/usr/bin/$(basename "$program")"
    done
}

guest_binary() {
    local library
    guest_file "$1" "$2" 0755
    while read -r library; do
        [ -e "$GUEST_ROOT$library" ] || guest_file "$library" "$library" 0755
    done < <(ldd "$1" 2>/dev/null | grep -o '/[^ ]*')
}

guest_skeleton() {
    local folder
    mkdir -p "$GUEST_ROOT"/{dev,etc,proc,run,sys,tmp,mnt}
    for folder in bin sbin lib lib64; do
        mkdir -p "$GUEST_ROOT/usr/$folder"
        ln -s "usr/$folder" "$GUEST_ROOT/$folder"
    done
    ln -s ../bin/busybox "$GUEST_ROOT/usr/sbin/modprobe" # where the kernel calls it
    echo 0123456789abcdef0123456789abcdef >"$GUEST_ROOT/etc/machine-id"
}

# The chosen modules and what they depend on.
guest_copy_modules() {
    local file
    for file in $(modprobe -d "$KERNEL_TREE" -S "$KERNEL_VERSION" --show-depends -a \
        "${GUEST_MODULES[@]}" | awk '$1 == "insmod" { print $2 }' | sort -u); do
        guest_file "$file" "${file#"$KERNEL_TREE"}"
    done
    for file in order builtin builtin.modinfo; do
        guest_file "$KERNEL_TREE/lib/modules/$KERNEL_VERSION/modules.$file" \
            "/lib/modules/$KERNEL_VERSION/modules.$file"
    done
    depmod -b "$GUEST_ROOT" "$KERNEL_VERSION"
}

# guest_image FILE SCRIPT: an initramfs that runs the script.
guest_image() {
    guest_binary "$(command -v busybox)" /usr/bin/busybox
    guest_binary "$HOLDFAST" /usr/sbin/holdfast
    guest_file "$BOOT/guest/init" /init 0755
    guest_file "$BOOT/guest/inside.sh" /inside.sh
    guest_file "$2" /script
    guest_copy_modules
    (cd "$GUEST_ROOT" && find . -mindepth 1 | cpio --quiet -o -H newc) >"$1"
}

# --- The machine.

# guest_qemu OPTION...: starts it. Its console is the kernel's, its second serial line the script's.
guest_qemu() {
    rm -f "$T/tell.in" "$T/tell.out"
    mkfifo "$T/tell.in" "$T/tell.out"
    exec {GUEST_TELL}<>"$T/tell.in"
    : >"$T/console.log"
    : >"$T/script.log"
    spawn script cat "$T/tell.out"
    spawn qemu qemu-system-x86_64 "${GUEST_MACHINE[@]}" "${GUEST_DISPLAY[@]}" \
        "${GUEST_NETWORK[@]}" -serial "file:$T/console.log" \
        -chardev "pipe,id=script,path=$T/tell" -serial chardev:script "$@"
}

# guest_start [QEMU OPTION...]: the script is on standard input.
# shellcheck disable=SC2120
guest_start() {
    cat >"$T/script"
    guest_image "$T/guest.cpio" "$T/script"
    # The emulated timer may be late on a busy machine; the kernel would take it for broken.
    guest_qemu -kernel "$KERNEL" -initrd "$T/guest.cpio" \
        -append 'console=ttyS0 panic=-1 no_timer_check' "$@"
}

guest_tell() { echo "$*" >&"$GUEST_TELL"; }

# guest_says SECONDS PATTERN: true as soon as the script has said so (extended, any case).
guest_says() { wait_until "$1" guest_said_or_gone "$2" && guest_said "$2"; }
guest_said_or_gone() { guest_said "$1" || guest_said '^guest: exit' || gone qemu; }
guest_said() { grep -qiE "$1" "$T/script.log"; }

# guest_ends SECONDS [MORE]: its script with exit status 0 (77 skips the test, too), and the machine
# is switched off within MORE seconds.
guest_ends() {
    local status
    guest_says "$1" '^guest: exit [0-9]+' ||
        fail "the guest's script did not end ($(alive qemu && echo "within $1 s" || echo "QEMU is gone"))"
    status=$(awk '/^guest: exit/ { print $3 }' "$T/script.log")
    sed 's/^/    /' "$T/script.log"
    [ "$status" != 77 ] || skip "$(grep SKIP "$T/script.log")"
    [ "$status" = 0 ] || fail "the guest's script ended with status $status"
    ended_within qemu "${2:-30}" || fail "the guest does not switch itself off"
    guest_no_io_error
}

# The one line that must never be in a kernel's log; but for what a test asked for (GUEST_ERRORS).
GUEST_ERRORS='^$'
guest_no_io_error() {
    ! grep -vE "$GUEST_ERRORS" "$T/console.log" | grep -iE 'i/o error|ext4-fs (error|warning)' || fail "the guest's kernel saw I/O errors"
}

guest_kernel
guest_skeleton
