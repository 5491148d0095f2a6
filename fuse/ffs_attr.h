/* What stat(2) and statfs(2) say of the file. Pure. */
#ifndef FUSE_FFS_ATTR_H
#define FUSE_FFS_ATTR_H

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fuse/ffs_call.h"
#include "volume/volume.h"

/* What chmod, chown and utimes change; kept as long as the mount lasts. Writing changes no times,
 * as with a block device. */
struct ffs_attributes {
    mode_t mode; /* permission bits only */
    uid_t uid;
    gid_t gid;
    struct timespec atime, mtime, ctime;
};

/* Takes over what call->set names, except the size. `now` becomes the ctime. */
void ffs_attr_set(struct ffs_attributes *attributes, const struct ffs_call *call,
                  const struct timespec *now);

/* The disk as a file. */
void ffs_attr_of_file(const struct ffs_attributes *attributes, const struct vol_geometry *geometry,
                      ino_t inode, struct stat *ret_stat);

/* The directory around it: who may read the file may also search and list the directory. */
void ffs_attr_of_directory(const struct ffs_attributes *attributes, ino_t inode,
                           struct stat *ret_stat);

/*
 * The file system. f_bsize is what loop devices take for the granularity of their discards.
 * geometry may be NULL: not known yet; then the file system has no blocks.
 */
void ffs_attr_of_mount(const struct vol_geometry *geometry, struct statvfs *ret_statvfs);

#endif
