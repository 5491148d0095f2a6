/*
 * The LUN as one file, by FUSE.
 *
 * Mounted on a regular file, that file is the disk; mounted on a directory, the disk is the file
 * `disk` in it. Loop devices on it want direct I/O (losetup --direct-io=on): without it they have
 * one request in flight. There is no page cache in between, so no shared mmap() either.
 *
 * The mount stands as soon as ffs_new() returns, whether the target was ever seen or not: stat()
 * and open() wait until the disk's size is known. When the disk grows, the kernel is told, and the
 * next stat() shows it (a loop device: stat FILE, then losetup --set-capacity).
 *
 * Memory: requests and buffers are there from the start. libfuse itself takes about 200 bytes from
 * malloc() for each request; a daemon that may be what memory reclaim waits for locks its memory
 * and keeps malloc() from giving any back (M_TRIM_THRESHOLD).
 *
 * All calls and callbacks on the loop's thread.
 */
#ifndef FUSE_FFS_H
#define FUSE_FFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct evl;
struct ffs;
struct volume;

struct ffs_config {
    const char *path; /* a regular file (made when missing), or a directory */
    const char *name; /* the mount's source is shown as holdfast:NAME */
    mode_t mode;      /* permission bits of the file */
    uid_t uid;
    gid_t gid;
    /* Asynchronous requests that the kernel sends at once (4 .. 4096); as many synchronous ones
     * have room beside them, what is more waits in the kernel. */
    unsigned max_background;
    /* Somebody else unmounted it, or aborted the connection: nothing will come any more. Not
     * called after ffs_stop(). May be NULL. Must not call ffs_free(). */
    void (*unmounted)(void *owner);
    void *owner;
};

/* 0600 root:root, 128 requests; path and name are to be set. */
extern const struct ffs_config ffs_config_default;

struct ffs_status {
    bool mounted;
    bool busy;          /* ffs_stop() waits for somebody who still uses the file */
    unsigned parked;    /* calls that wait until the size is known */
    unsigned hungry;    /* calls that wait for memory */
    unsigned in_volume; /* requests that the volume has not answered yet */
};

/*
 * Mounts. A mount that a killed holdfast left on the path is cleaned up first. On failure returns
 * -errno and in ret_why (of why_bytes) one line that names the path, the reason and the mend.
 * Nothing of config is referred to afterwards but `owner`. The loop and the volume must outlive the
 * ffs.
 */
int ffs_new(const struct ffs_config *config, struct evl *loop, struct volume *volume, char *ret_why,
            size_t why_bytes, struct ffs **ret_ffs);

/*
 * Unmounts, on a thread of its own while the loop goes on serving; then stopped(owner), never from
 * inside this call. While somebody uses the file (EBUSY: a loop device, an open file) it is tried
 * again twice a second, for as long as it takes, and served on; ffs_status().busy says so.
 */
void ffs_stop(struct ffs *ffs, void (*stopped)(void *owner), void *owner);

/* After ffs_stop(): the owner's patience is over. Detaches the mount from its path although it is
 * in use; stopped(owner) follows. Who still has it open gets ENOTCONN from then on. */
void ffs_stop_now(struct ffs *ffs);

/*
 * NULL-safe. Either after stopped() and when ffs_status().in_volume is 0 (after the volume stopped
 * it is), or when the volume is gone. Not stopped: the mount is detached from its path.
 */
void ffs_free(struct ffs *ffs);

void ffs_status(const struct ffs *ffs, struct ffs_status *ret_status);

#endif
