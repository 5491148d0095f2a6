/* The block device for a mount: what a daemon serves, made fit for mount(8). */
#ifndef MOUNT_DISK_H
#define MOUNT_DISK_H

#include "cli/service.h"
#include "mount/call.h"
#include "mount/owner.h"
#include "mount/probe_blkid.h"

struct json_object;

struct disk {
    char device[64];
    char type[PROBE_TYPE_BYTES]; /* of the file system */
    int hold_fd;                 /* keeps the device until it is mounted; -1: not needed */
};

/* How the disk is to be had: as the call says, or by kernel nbd where the kernel has it. -ENODEV
 * when that is wished and is not there. */
int disk_choose(const struct mount_call *call, enum mount_via *ret_via, struct fault *fault);

/*
 * The device, with the partition and the type of the call, or those found; status is that of the
 * daemon. VIA_NBD asks it for a kernel device, unless it has one. VIA_LOOP takes the file that it
 * serves: -ENODEV when there is none.
 */
int disk_open(enum mount_via via, const struct service *service, struct json_object *status,
              const struct mount_call *call, struct disk *ret_disk, struct fault *fault);

/* NULL-safe; what is mounted stays. */
void disk_release(struct disk *disk);

#endif
