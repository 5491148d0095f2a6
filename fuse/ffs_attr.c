#include "fuse/ffs_attr.h"

#include "base/checked.h"

#define BLOCK_BYTES_DEFAULT 4096u
/* What programs read and write at once, when they ask: there is no page cache in between. */
#define IO_BYTES_PREFERRED (128u * 1024)

void ffs_attr_set(struct ffs_attributes *attributes, const struct ffs_call *call,
                  const struct timespec *now)
{
    if (call->set & FFS_SET_MODE)
        attributes->mode = call->to.st_mode & 0777;
    if (call->set & FFS_SET_UID)
        attributes->uid = call->to.st_uid;
    if (call->set & FFS_SET_GID)
        attributes->gid = call->to.st_gid;
    if (call->set & FFS_SET_ATIME)
        attributes->atime = call->to.st_atim;
    if (call->set & FFS_SET_MTIME)
        attributes->mtime = call->to.st_mtim;
    attributes->ctime = *now;
}

static void fill(const struct ffs_attributes *attributes, ino_t inode, mode_t mode,
                 struct stat *ret_stat)
{
    *ret_stat = (struct stat){
        .st_ino = inode,
        .st_mode = mode,
        .st_nlink = 1,
        .st_uid = attributes->uid,
        .st_gid = attributes->gid,
        .st_blksize = BLOCK_BYTES_DEFAULT,
        .st_atim = attributes->atime,
        .st_mtim = attributes->mtime,
        .st_ctim = attributes->ctime,
    };
}

void ffs_attr_of_file(const struct ffs_attributes *attributes, const struct vol_geometry *geometry,
                      ino_t inode, struct stat *ret_stat)
{
    fill(attributes, inode, S_IFREG | attributes->mode, ret_stat);
    ret_stat->st_size = (off_t)geometry->size_bytes;
    ret_stat->st_blocks = (blkcnt_t)(geometry->size_bytes / 512);
    ret_stat->st_blksize = (blksize_t)max_u64(geometry->physical_block_bytes, IO_BYTES_PREFERRED);
}

void ffs_attr_of_directory(const struct ffs_attributes *attributes, ino_t inode,
                           struct stat *ret_stat)
{
    const mode_t readable = attributes->mode & 0444;
    fill(attributes, inode, S_IFDIR | readable | readable >> 2, ret_stat);
    ret_stat->st_nlink = 2;
}

void ffs_attr_of_mount(const struct vol_geometry *geometry, struct statvfs *ret_statvfs)
{
    const uint32_t unit = geometry ? geometry->physical_block_bytes : BLOCK_BYTES_DEFAULT;
    *ret_statvfs = (struct statvfs){
        .f_bsize = unit,
        .f_frsize = unit,
        .f_blocks = geometry ? geometry->size_bytes / unit : 0,
        .f_files = 1,
        .f_namemax = 255,
    };
}
