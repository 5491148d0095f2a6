/*
 * Whose disk is behind a block device? The kernel remembers it: an nbd device its backend
 * identifier (holdfast:NAME:...), a loop device its file, which is mounted from holdfast:NAME.
 * So no records of ours can be lost or lie.
 */
#ifndef MOUNT_OWNER_H
#define MOUNT_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/options.h"
#include "mount/mountinfo.h"

struct owner {
    char name[OPTION_TEXT_BYTES]; /* the daemon's */
    char disk[32];                /* "loop3", "nbd0": the whole device */
    uint64_t offset;              /* in the LUN: where this device begins */
};

/* The daemon behind a device; false when it is none of ours. `sysfs` is "/sys". */
bool owner_of_device(const char *sysfs, const struct mountinfo *info, dev_t device,
                     struct owner *ret_owner);

/* The same for what is mounted: by the source where the file system hides its device (btrfs). */
bool owner_of_mount(const char *sysfs, const struct mountinfo *info,
                    const struct mount_entry *entry, struct owner *ret_owner);

/* True while a block device with that daemon's disk, but for `except` ("loop3", or NULL), is there
 * and somebody has it open for himself: mounted, in this or another namespace, a member of a RAID
 * ... */
bool owner_is_used(const char *sysfs, const struct mountinfo *info, const char *name,
                   const char *except);

#endif
