/*
 * The place in the file system where the file appears: checks it, cleans it up, mounts there and
 * unmounts. System calls that may block; no libfuse.
 */
#ifndef FUSE_FFS_PLACE_H
#define FUSE_FFS_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct ffs_place {
    char *path; /* absolute, without symbolic links */
    bool is_directory;
    bool is_ours; /* the file was made by us, and goes when the mount goes */
};

/*
 * Makes the path fit for a mount: makes the file when it is missing, detaches the dead mount of a
 * killed holdfast. Returns 0, or -errno with one line in ret_why: the path, the reason, the mend.
 */
int ffs_place_init(struct ffs_place *ret_place, const char *path, char *ret_why, size_t why_bytes);

/* Removes the file if it is ours and still there (which may block), and frees the memory. */
void ffs_place_done(struct ffs_place *place);

/* Opens /dev/fuse (non-blocking) and mounts it as holdfast:NAME. 0 or -errno and ret_why. */
int ffs_place_mount(const struct ffs_place *place, const char *name, char *ret_why,
                    size_t why_bytes, int *ret_fd);

/*
 * Unmounts, when `now` even while it is in use, and then removes the file if it is ours. Returns
 * 0 also when nothing is mounted there any more, or -EBUSY, or -errno.
 */
int ffs_place_unmount(struct ffs_place *place, bool now);

/*
 * Finds the topmost mount at `path` (absolute, resolved) in the text of /proc/self/mountinfo
 * (proc(5)). Returns whether there is one, and its type and source, cut to type_bytes and
 * source_bytes.
 */
bool ffs_place_find_mount(FILE *mountinfo, const char *path, char *ret_type, size_t type_bytes,
                          char *ret_source, size_t source_bytes);

#endif
