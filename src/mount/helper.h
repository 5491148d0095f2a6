/*
 * The helpers of mount(8) and umount(8): holdfast under another name.
 *
 *   mount.holdfast        mounts the file system on a LUN
 *   umount.holdfast       unmounts it, and ends the daemon that was started for it
 *   mount.fuse.holdfast   makes the LUN a file
 *   umount.fuse.holdfast
 */
#ifndef MOUNT_HELPER_H
#define MOUNT_HELPER_H

#include "daemon/fault.h"

/* The helper that `program` (argv[0]) asks for; NULL: none, it is holdfast itself. Helpers return
 * the exit status of mount(8). */
typedef int mount_helper(int count, char **words);
mount_helper *mount_helper_find(const char *program);

/* "WHO: DIRECTORY: " and the fault, to stderr; returns the exit status for the error. */
int mount_helper_complain(const char *who, const char *directory, int error,
                          const struct fault *fault);

mount_helper mount_holdfast, umount_holdfast, mount_fuse_holdfast, umount_fuse_holdfast;

#endif
