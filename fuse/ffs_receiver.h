/*
 * Reads requests from /dev/fuse, the payload of a WRITE to where it will stay.
 *
 * libfuse wants a request in one piece, with the payload of a WRITE at byte 80, which no target and
 * no O_DIRECT journal takes. So the bytes behind a WRITE's headers are read into a buffer of the
 * volume's at once, if the request is what was expected: a WRITE of about the size of the one
 * before. Everything else is made one piece again, and a WRITE is copied once (ffs_file.c).
 *
 * No memory is held between requests, so an idle mount keeps none from others.
 */
#ifndef FUSE_FFS_RECEIVER_H
#define FUSE_FFS_RECEIVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer_pool.h"

struct ffs_receiver {
    int fd; /* /dev/fuse: one read(2) gives one request */
    struct buffer_pool *pool;
    uint8_t *memory;   /* has room for the largest request */
    uint32_t expected; /* payload bytes of the request before, 0: it was no WRITE */
    /* While the request is handled: the payload that is not in `memory`. Who takes it (and its
     * reference) sets it to NULL. */
    struct buffer *payload;
};

/* Borrows fd. Returns 0 or -ENOMEM. */
int ffs_receiver_init(struct ffs_receiver *receiver, int fd, struct buffer_pool *pool);

void ffs_receiver_done(struct ffs_receiver *receiver);

/*
 * Reads one request. Returns its length, which includes that of receiver->payload, or -errno:
 * -EAGAIN there is none, -EINTR a signal came first, -ENOENT one was taken back by its caller,
 * -ENOMEM one has failed (the kernel had no memory), -ENODEV the mount is gone.
 * After it was handled: ffs_receiver_forget().
 */
int ffs_receiver_read(struct ffs_receiver *receiver);

/* Gives the payload back unless it was taken. */
void ffs_receiver_forget(struct ffs_receiver *receiver);

#endif
