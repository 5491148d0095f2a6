# shellcheck shell=bash
# A Debian with systemd as the root file system on a LUN: its tree, its initramfs (made by Debian's
# own tools in the tree), its image, and what it is asked to do. Sourced after guest.sh.
#
#   root_tree initramfs-tools         a copy of the cached tree, with holdfast as installed by meson
#   root_file FILE PATH [MODE]        what it shall hold besides
#   root_script <<'END'               runs on the second serial line once multi-user is reached
#   root_initramfs                    $T/initramfs
#   root_image FILE SIZE              the file system, labelled `root`

ROOT=$T/root
ROOT_PACKAGES=systemd-sysv,udev,kmod,dbus,e2fsprogs,iproute2,ifupdown,isc-dhcp-client,procps
# What the program is linked with.
ROOT_LIBRARIES=libev4,libiscsi7,liburing2,libfuse3-3,libinih1,libjson-c5,libisal2,libnl-3-200
ROOT_LIBRARIES+=,libnl-route-3-200,libnl-genl-3-200,libnbd0
# Folders of the kernel's modules that a virtual machine can want.
ROOT_MODULES=(arch crypto lib virt fs/ext4 fs/jbd2 fs/mbcache.ko fs/fuse fs/autofs net/core net/packet net/802
    net/8021q drivers/block drivers/virtio drivers/net/virtio_net.ko drivers/net/net_failover.ko
    drivers/net/ethernet/intel/e1000 drivers/firmware drivers/scsi)

root_packages_of() {
    case $1 in
    initramfs-tools) echo initramfs-tools,busybox ;;
    dracut) echo dracut,dracut-network,cpio ;;
    dracut-nm) echo dracut,dracut-network,cpio,network-manager ;;
    esac
}

# root_cached KIND: $BOOT_CACHE/root-KIND, made once: Debian's packages and the guest's kernel.
root_cached() {
    local lock tree=$BOOT_CACHE/root-$1 packages key
    need mmdebstrap
    packages=$ROOT_PACKAGES,$ROOT_LIBRARIES,$(root_packages_of "$1")
    exec {lock}>"$BOOT_CACHE/root.lock"
    flock "$lock"
    key="$packages $KERNEL_VERSION ${ROOT_MODULES[*]}"
    [ "$(cat "$tree.of" 2>/dev/null)" = "$key" ] || root_make "$tree" "$packages"
    echo "$key" >"$tree.of"
    exec {lock}>&-
}

# root_make TREE PACKAGES. A package to install later waits in /root.
root_make() {
    local modules=lib/modules/$KERNEL_VERSION
    say "making a Debian in $1"
    rm -rf "$1" "$1.of"
    # shellcheck disable=SC2016 # for mmdebstrap's shell
    mmdebstrap --variant=apt --include="$2" --skip=check/qemu \
        --customize-hook='chroot "$1" sh -c "cd /root && apt-get -q download tzdata"' \
        bookworm "$1" >"$T/mmdebstrap.log" 2>&1 ||
        fail "no Debian can be made here: $(tail -n 1 "$T/mmdebstrap.log")"
    mkdir -p "$1/$modules/kernel"
    (cd "$KERNEL_TREE/$modules/kernel" && cp -a --parents "${ROOT_MODULES[@]}" "$1/$modules/kernel")
    cp "$KERNEL_TREE/$modules"/modules.{order,builtin,builtin.modinfo} "$1/$modules"
    cp "$KERNEL" "$KERNEL_TREE/boot/config-$KERNEL_VERSION" "$1/boot"
    depmod -b "$1" "$KERNEL_VERSION"
}

root_tree() {
    ROOT_KIND=$1
    root_cached "$1"
    cp -a "$BOOT_CACHE/root-$1" "$ROOT"
    DESTDIR=$ROOT meson install -C "$HOLDFAST_BUILD" --no-rebuild --quiet >"$T/install.log" 2>&1 ||
        fail "meson install: $(tail -n 1 "$T/install.log")"
    echo diskless >"$ROOT/etc/hostname"
    ln -s /dev/null "$ROOT/etc/systemd/system/e2scrub_reap.service" # slow, and nothing to reap
    echo 'LABEL=root / ext4 errors=remount-ro 0 1' >"$ROOT/etc/fstab"
    # What an installer writes, and what would take the network from under the root.
    printf 'source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n%s\n%s\n' \
        'auto eth0' 'iface eth0 inet dhcp' >"$ROOT/etc/network/interfaces"
    root_file "${BOOT:?}/guest/inside.sh" /inside.sh
    root_unit
}

root_file() { install -D -m "${3:-0644}" "$1" "$ROOT$2"; }

# The script, once everything else has been started. Then the machine is switched off; the last
# word of that is left on the disk.
root_unit() {
    cat >"$ROOT/etc/systemd/system/script.service" <<'END'
[Unit]
After=multi-user.target
[Service]
ExecStart=/bin/sh -eu -c 'stty raw -echo; status=0; (. /inside.sh; . /script) || status=$?; echo "guest: exit $status"; systemctl poweroff --no-block'
StandardInput=tty-force
StandardOutput=tty
TTYPath=/dev/ttyS1
RemainAfterExit=yes
WorkingDirectory=/run
ExecStop=/bin/sh -c 'echo stopped >/root/stopped'
END
    ln -s ../script.service "$ROOT/etc/systemd/system/multi-user.target.wants/script.service"
}
root_script() { cat >"$ROOT/script"; }

# root_chroot COMMAND: in the tree, with what Debian's tools look for; nothing of it outlives them.
root_chroot() {
    # shellcheck disable=SC2016 # for that shell
    unshare --mount --propagation private bash -euc '
        for i in proc sys dev; do mount --rbind "/$i" "$1/$i"; done
        exec chroot "$1" sh -euc "$2"' bash "$ROOT" "$1"
}

root_initramfs() {
    "root_initramfs_of_$ROOT_KIND" >"$T/initramfs.log" 2>&1 || fail "no initramfs by $ROOT_KIND"
    cp "$ROOT/boot/initrd.img-$KERNEL_VERSION" "$T/initramfs"
}

root_initramfs_of_initramfs-tools() {
    sed -i 's/^MODULES=.*/MODULES=list/; s/^#* *COMPRESS=.*/COMPRESS=gzip/' \
        "$ROOT/etc/initramfs-tools/initramfs.conf"
    printf '%s\n' virtio_pci virtio_net virtio_blk e1000 ext4 crc32c_generic >>"$ROOT/etc/initramfs-tools/modules"
    root_chroot "update-initramfs -c -k $KERNEL_VERSION"
}

root_initramfs_of_dracut() {
    root_chroot "dracut -f --no-hostonly --gzip -a 'holdfast' \
        --add-drivers 'virtio_pci virtio_net virtio_blk e1000 ext4 crc32c_generic nbd' \
        /boot/initrd.img-$KERNEL_VERSION $KERNEL_VERSION"
}

# NetworkManager is in the tree: dracut takes it for the network, then.
root_initramfs_of_dracut-nm() { root_initramfs_of_dracut; }

root_image() {
    truncate -s "$2" "$1"
    mkfs.ext4 -q -F -L root -d "$ROOT" "$1" >"$T/mkfs.log" 2>&1 || fail "mkfs.ext4: $(cat "$T/mkfs.log")"
    rm -rf "$ROOT"
}

# root_is_clean FILE: as the machine that is off left it.
root_is_clean() { e2fsck -fn "$1" >"$T/e2fsck.log" 2>&1 || fail "the file system is not clean"; }

# root_cat FILE PATH: a file in it, without a mount.
root_cat() { debugfs -R "cat $2" "$1" 2>/dev/null; }

# root_ordeal FILE: the other side of guest/ordeal.sh, from the power switch to the disk that is left.
root_ordeal() {
    local number
    guest_says 400 ' writing$' || fail "the guest's root does not come up"
    end tgt KILL
    guest_tell gone
    sleep 30 # the length of the outage
    tgt_start tgt
    guest_tell back
    guest_says 120 'survived the outage' || fail "the root did not survive the outage"
    guest_ends 500 200
    end tgt KILL
    root_is_clean "$1"
    number=$(awk '/ last number / { print $4 }' "$T/script.log")
    [ "$(root_cat "$1" /root/number)" = "$number" ] || fail "the last number, $number, is lost"
    [ "$(root_cat "$1" /root/stopped)" = stopped ] || fail "the last write before the end is lost"
}
