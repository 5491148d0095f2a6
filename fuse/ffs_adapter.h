/* What ffs.c (the front end's life) and ffs_adapter.c (its words with libfuse) share. */
#ifndef FUSE_FFS_ADAPTER_H
#define FUSE_FFS_ADAPTER_H

#include <stdbool.h>
#include <stdint.h>

#include "fuse/ffs_attr.h"
#include "fuse/ffs_call.h"

struct ffs_file;
struct ffs_session;
struct volume;

/* What the session is told by its owner; unchanged while it lives, but for the attributes. */
struct ffs_mount {
    struct volume *volume;
    struct ffs_file *file;
    bool is_directory;
    unsigned max_background;
    struct ffs_attributes attributes;
    /* A call was interrupted: ffs_file_recheck() is wanted in a while. */
    void (*interrupted)(struct ffs_mount *mount);
};

enum ffs_received {
    FFS_RECEIVED,
    FFS_NOTHING_LEFT,
    FFS_GONE, /* unmounted, or aborted, or the descriptor is broken */
};

/* Takes over fd, a mounted /dev/fuse, unless it fails with -ENOMEM or -EIO. */
int ffs_session_new(struct ffs_mount *mount, int fd, struct ffs_session **ret_session);

/* NULL-safe. Closes the descriptor: what is still mounted gets ENOTCONN. No call may be unanswered
 * (ffs_file_close() answers them). */
void ffs_session_free(struct ffs_session *session);

/* Reads one request from the kernel and hands it on. Needs ffs_file_has_room(). */
enum ffs_received ffs_session_receive(struct ffs_session *session);

/* For ffs_file_events.answer. */
void ffs_session_answer(struct ffs_call *call);

/* The size changed: the kernel asks for the attributes when it needs them next. */
void ffs_session_resized(struct ffs_session *session);

#endif
