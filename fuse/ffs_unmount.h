/*
 * A thread that unmounts while the loop goes on serving: umount2(2) of a FUSE mount may need
 * answers from the very daemon that calls it.
 */
#ifndef FUSE_FFS_UNMOUNT_H
#define FUSE_FFS_UNMOUNT_H

#include <pthread.h>
#include <stdbool.h>

#include "fuse/ffs_place.h"
#include "os/ev_loop.h"

struct ffs_unmount {
    struct evl *loop;
    struct ffs_place *place;
    /* error: that of ffs_place_unmount(), or -errno when no thread could be started. Called from
     * the loop. */
    void (*done)(struct ffs_unmount *unmount, int error);

    bool is_running;
    bool now;
    int error; /* written by the thread before it signals */
    pthread_t thread;
    struct evl_watch watch; /* its descriptor is an eventfd */
};

/* 0 or -errno. */
int ffs_unmount_init(struct ffs_unmount *unmount, struct evl *loop, struct ffs_place *place,
                     void (*done)(struct ffs_unmount *unmount, int error));

/* Waits for a thread that is still running. */
void ffs_unmount_done(struct ffs_unmount *unmount);

/* Tries once; not while it is running. */
void ffs_unmount_start(struct ffs_unmount *unmount, bool now);

#endif
