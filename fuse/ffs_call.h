/*
 * One request of the kernel for the file, and what has to be asked of the volume to answer it.
 *
 * Pure: no libfuse, no I/O, no clock. ffs_file.c leads calls through their life, the adapter
 * (ffs_adapter.c) fills them in and sends the answers.
 */
#ifndef FUSE_FFS_CALL_H
#define FUSE_FFS_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/list.h"
#include "volume/volume.h"

enum ffs_op {
    FFS_LOOKUP,
    FFS_GETATTR,
    FFS_SETATTR,
    FFS_OPEN,
    FFS_READ,
    FFS_WRITE,
    FFS_SYNC,     /* fsync and fdatasync: the volume knows no difference */
    FFS_ALLOCATE, /* fallocate(2) */
    FFS_SEEK,     /* lseek(2) with SEEK_DATA or SEEK_HOLE */
};

/* Which members of ffs_call.to a SETATTR sets. */
#define FFS_SET_MODE      0x01u
#define FFS_SET_UID       0x02u
#define FFS_SET_GID       0x04u
#define FFS_SET_SIZE      0x08u
#define FFS_SET_ATIME     0x10u
#define FFS_SET_MTIME     0x20u
#define FFS_SET_BY_HANDLE 0x40u /* through an open file: ftruncate(2), not truncate(2) */

/* What is zeroed at once, up to a multiple of it. */
#define FFS_ZERO_STEP (1024ull * 1024 * 1024)

/* Extents that one BLOCK_STATUS of a SEEK takes in. */
#define FFS_SEEK_EXTENTS 16

enum ffs_call_state {
    FFS_FREE,
    FFS_TAKEN,     /* being filled in by the adapter */
    FFS_PARKED,    /* waits until the geometry is known */
    FFS_HUNGRY,    /* waits for memory */
    FFS_ASKED,     /* a request of it is in the volume */
    FFS_ABANDONED, /* answered, but the volume still holds its request */
    FFS_ANSWERED,  /* by the volume; the answer is sent at the end of the turn */
};

struct ffs_file;

struct ffs_call {
    /* The question, set by the adapter. */
    enum ffs_op op;
    uint64_t offset;
    uint64_t length;
    int flags;               /* OPEN, WRITE: O_*; ALLOCATE: FALLOC_FL_*; SEEK: whence */
    unsigned set;            /* SETATTR: FFS_SET_* */
    struct stat to;          /* SETATTR: the new values */
    const void *payload;     /* WRITE: stays as it is until ffs_file_has_room() says true again */
    struct buffer *received; /* WRITE: the payload, instead of the former; the call's reference */
    void *token;             /* the adapter's own */
    int caller;              /* thread that asks, 0 when not known */

    /* The answer. READ: `result` bytes from request.buffer->data. WRITE: bytes taken. SEEK: the
     * offset found. */
    int error; /* 0 or -errno */
    uint64_t result;

    /* ffs_file.c's own. */
    enum ffs_call_state state;
    bool interrupted;
    bool submitting; /* vol_submit() is running */
    bool answered;   /* done() came from inside it */
    struct ffs_file *file;
    struct list_node node;
    struct buffer_waiter waiter;
    struct vol_request request;
    struct vol_extent extents[FFS_SEEK_EXTENTS];
};

enum ffs_next {
    FFS_ANSWER, /* error and result are set */
    FFS_ASK,    /* request is set, but for its buffer and done() */
};

/* What to do for a call, given what the disk is like. */
enum ffs_next ffs_call_begin(struct ffs_call *call, const struct vol_geometry *geometry);

/* What to do after the volume answered call->request. */
enum ffs_next ffs_call_continue(struct ffs_call *call);

/*
 * May the caller be told EINTR while the volume works on the call's request? Yes where the
 * request changes nothing; a WRITE or zeroing under way cannot be taken back, and "interrupted"
 * would say that it did not happen.
 */
bool ffs_call_may_be_abandoned(const struct ffs_call *call);

#endif
