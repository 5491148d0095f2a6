/*
 * libfuse's low-level API: requests of the kernel become calls for ffs_file.c, its answers become
 * replies. The only file that knows libfuse, in version 3.14.
 *
 * Requests are read by ffs_receiver.c, which knows where the payload of a WRITE should be. A READ
 * is replied to from the volume's buffer.
 *
 * What can go wrong: the caller is interrupted. libfuse tells us from inside
 * fuse_session_process_buf(), and a reply from there is allowed (it holds its own reference). The
 * kernel may abort a request that we still work on: the reply fails with ENOENT, and that is all.
 */
#define FUSE_USE_VERSION 314

#include "fuse/ffs_adapter.h"

#include <assert.h>
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuse/ffs_file.h"
#include "fuse/ffs_receiver.h"

#ifndef FOPEN_PARALLEL_DIRECT_WRITES /* linux/fuse.h 7.38 */
#define FOPEN_PARALLEL_DIRECT_WRITES (1 << 6)
#endif

#define DISK_NAME   "disk"
#define DISK_INODE  2u /* in the directory; alone, the disk is FUSE_ROOT_ID */
#define ATTR_SECOND 1.0
/* Names never change. */
#define ENTRY_SECONDS 3600.0

struct ffs_session {
    struct ffs_mount *mount;
    struct fuse_session *fuse;
    struct ffs_receiver receiver;
};

static struct ffs_session *session_of(fuse_req_t request)
{
    return fuse_req_userdata(request);
}

static struct ffs_mount *mount_of(fuse_req_t request)
{
    return session_of(request)->mount;
}

static fuse_ino_t disk_inode(const struct ffs_mount *mount)
{
    return mount->is_directory ? DISK_INODE : FUSE_ROOT_ID;
}

static bool is_disk(fuse_req_t request, fuse_ino_t inode)
{
    return inode == disk_inode(mount_of(request));
}

/* --- answers --- */

static void stat_disk(const struct ffs_mount *mount, struct stat *ret_stat)
{
    struct vol_geometry geometry;
    vol_geometry(mount->volume, &geometry);
    ffs_attr_of_file(&mount->attributes, &geometry, disk_inode(mount), ret_stat);
}

static void answer_lookup(fuse_req_t request)
{
    struct fuse_entry_param entry = {
        .ino = disk_inode(mount_of(request)),
        .attr_timeout = ATTR_SECOND,
        .entry_timeout = ENTRY_SECONDS,
    };
    stat_disk(mount_of(request), &entry.attr);
    fuse_reply_entry(request, &entry);
}

static void answer_attributes(fuse_req_t request)
{
    struct stat attributes;
    stat_disk(mount_of(request), &attributes);
    fuse_reply_attr(request, &attributes, ATTR_SECOND);
}

/* By hand, because struct fuse_file_info of 3.14.0 has no bit for parallel direct writes. */
static void answer_open(fuse_req_t request)
{
    const struct fuse_open_out out = {
        .open_flags = FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES,
    };
    fuse_reply_buf(request, (const char *)&out, sizeof out);
}

static void answer_read(fuse_req_t request, const struct ffs_call *call)
{
    const struct buffer *buffer = call->request.buffer;
    fuse_reply_buf(request, buffer ? (const char *)buffer->data : NULL, call->result);
}

static void set_attributes(struct ffs_mount *mount, const struct ffs_call *call)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    ffs_attr_set(&mount->attributes, call, &now);
}

/* Replies fail only when the kernel does not want them any more: there is nobody to tell. */
void ffs_session_answer(struct ffs_call *call)
{
    fuse_req_t request = call->token;
    call->token = NULL;
    if (call->error) {
        fuse_reply_err(request, -call->error);
        return;
    }
    switch (call->op) {
    case FFS_LOOKUP:
        answer_lookup(request);
        return;
    case FFS_SETATTR:
        set_attributes(mount_of(request), call);
        answer_attributes(request);
        return;
    case FFS_GETATTR:
        answer_attributes(request);
        return;
    case FFS_OPEN:
        answer_open(request);
        return;
    case FFS_READ:
        answer_read(request, call);
        return;
    case FFS_WRITE:
        fuse_reply_write(request, call->result);
        return;
    case FFS_SEEK:
        fuse_reply_lseek(request, (off_t)call->result);
        return;
    case FFS_SYNC:
    case FFS_ALLOCATE:
        fuse_reply_err(request, 0);
        return;
    }
}

/* --- questions --- */

static void interrupted(fuse_req_t request, void *data)
{
    struct ffs_mount *mount = mount_of(request);
    ffs_file_interrupt(data);
    mount->interrupted(mount);
}

static struct ffs_call *take(fuse_req_t request, enum ffs_op op)
{
    struct ffs_call *call = ffs_file_take(mount_of(request)->file);
    call->op = op;
    call->token = request;
    call->caller = fuse_req_ctx(request)->pid;
    return call;
}

static void submit(fuse_req_t request, struct ffs_call *call)
{
    /* Before the call is submitted, because the request may be gone afterwards. */
    fuse_req_interrupt_func(request, interrupted, call);
    ffs_file_submit(call);
}

static void op_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    if (!mount_of(request)->is_directory || parent != FUSE_ROOT_ID || strcmp(name, DISK_NAME) != 0)
        fuse_reply_err(request, ENOENT);
    else
        submit(request, take(request, FFS_LOOKUP));
}

static void op_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    if (is_disk(request, inode)) {
        submit(request, take(request, FFS_GETATTR));
        return;
    }
    struct stat attributes;
    ffs_attr_of_directory(&mount_of(request)->attributes, inode, &attributes);
    fuse_reply_attr(request, &attributes, ENTRY_SECONDS);
}

/* "Now" is resolved here, because the core has no clock. */
static unsigned set_times(struct stat *to, int wanted)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (wanted & FUSE_SET_ATTR_ATIME_NOW)
        to->st_atim = now;
    if (wanted & FUSE_SET_ATTR_MTIME_NOW)
        to->st_mtim = now;
    return (wanted & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW) ? FFS_SET_ATIME : 0) |
           (wanted & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW) ? FFS_SET_MTIME : 0);
}

static void op_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *to, int wanted,
                       struct fuse_file_info *info)
{
    if (!is_disk(request, inode)) {
        fuse_reply_err(request, EPERM);
        return;
    }
    struct ffs_call *call = take(request, FFS_SETATTR);
    call->to = *to;
    call->set = set_times(&call->to, wanted) | (wanted & FUSE_SET_ATTR_MODE ? FFS_SET_MODE : 0) |
                (wanted & FUSE_SET_ATTR_UID ? FFS_SET_UID : 0) |
                (wanted & FUSE_SET_ATTR_GID ? FFS_SET_GID : 0) |
                (wanted & FUSE_SET_ATTR_SIZE ? FFS_SET_SIZE : 0) | (info ? FFS_SET_BY_HANDLE : 0);
    submit(request, call);
}

static void op_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    struct ffs_call *call = take(request, FFS_OPEN);
    call->flags = info->flags;
    submit(request, call);
}

static void op_read(fuse_req_t request, fuse_ino_t inode, size_t length, off_t offset,
                    struct fuse_file_info *info)
{
    struct ffs_call *call = take(request, FFS_READ);
    call->offset = (uint64_t)offset;
    call->length = length;
    submit(request, call);
}

static void op_write(fuse_req_t request, fuse_ino_t inode, const char *payload, size_t length,
                     off_t offset, struct fuse_file_info *info)
{
    struct ffs_receiver *receiver = &session_of(request)->receiver;
    struct ffs_call *call = take(request, FFS_WRITE);
    call->offset = (uint64_t)offset;
    call->length = length;
    call->flags = info->flags;
    call->received = receiver->payload;
    call->payload = call->received ? NULL : payload;
    receiver->payload = NULL;
    submit(request, call);
}

static void op_fsync(fuse_req_t request, fuse_ino_t inode, int only_data,
                     struct fuse_file_info *info)
{
    submit(request, take(request, FFS_SYNC));
}

static void op_fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length,
                         struct fuse_file_info *info)
{
    struct ffs_call *call = take(request, FFS_ALLOCATE);
    call->offset = (uint64_t)offset;
    call->length = (uint64_t)length;
    call->flags = mode;
    submit(request, call);
}

static void op_lseek(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence,
                     struct fuse_file_info *info)
{
    struct ffs_call *call = take(request, FFS_SEEK);
    call->offset = (uint64_t)offset;
    call->flags = whence;
    submit(request, call);
}

/* Answered at once, whatever is known: by this a second holdfast sees that the first one lives. */
static void op_statfs(fuse_req_t request, fuse_ino_t inode)
{
    struct vol_geometry geometry;
    struct statvfs mount;
    const bool known = vol_is_known(mount_of(request)->volume);
    if (known)
        vol_geometry(mount_of(request)->volume, &geometry);
    ffs_attr_of_mount(known ? &geometry : NULL, &mount);
    fuse_reply_statfs(request, &mount);
}

static void op_readdir(fuse_req_t request, fuse_ino_t inode, size_t room, off_t from,
                       struct fuse_file_info *info)
{
    static const struct {
        const char *name;
        struct stat attributes;
    } entries[] = {
        {".", {.st_ino = FUSE_ROOT_ID, .st_mode = S_IFDIR}},
        {"..", {.st_ino = FUSE_ROOT_ID, .st_mode = S_IFDIR}},
        {DISK_NAME, {.st_ino = DISK_INODE, .st_mode = S_IFREG}},
    };
    char text[512];
    size_t used = 0;
    for (off_t i = from; i >= 0 && i < (off_t)(sizeof entries / sizeof entries[0]); i++) {
        const size_t left = (room < sizeof text ? room : sizeof text) - used;
        const size_t need = fuse_add_direntry(request, text + used, left, entries[i].name,
                                              &entries[i].attributes, i + 1);
        if (need > left)
            break;
        used += need;
    }
    fuse_reply_buf(request, text, used);
}

static void op_init(void *userdata, struct fuse_conn_info *connection)
{
    const struct ffs_session *session = userdata;
    connection->max_write = VOL_TRANSFER_MAX;
    connection->max_background = session->mount->max_background;
    connection->congestion_threshold = session->mount->max_background * 3 / 4;
    /* O_TRUNC has to come as a SETATTR, which we may refuse or ignore: otherwise the kernel sets
     * the size to 0 by itself, and every loop device on the file reads beyond its end. And no
     * cache of the kernel's may hold what we do not know of. */
    connection->want &= ~(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_WRITEBACK_CACHE);
    connection->want |= connection->capable & FUSE_CAP_ASYNC_DIO;
}

/* Not here: flush, access, xattr and so on. libfuse answers ENOSYS once, the kernel then stops
 * asking (close(2) has nothing to wait for; default_permissions makes access() unnecessary). */
static const struct fuse_lowlevel_ops operations = {
    .init = op_init,
    .lookup = op_lookup,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .open = op_open,
    .read = op_read,
    .write = op_write,
    .fsync = op_fsync,
    .fallocate = op_fallocate,
    .lseek = op_lseek,
    .statfs = op_statfs,
    .readdir = op_readdir,
};

/* --- the session --- */

static struct fuse_session *new_fuse(struct ffs_session *session, int fd)
{
    char *argv[] = {(char *)"holdfast", NULL};
    struct fuse_args arguments = FUSE_ARGS_INIT(1, argv);
    struct fuse_session *fuse =
        fuse_session_new(&arguments, &operations, sizeof operations, session);
    fuse_opt_free_args(&arguments);
    if (!fuse)
        return NULL;
    char descriptor[32];
    snprintf(descriptor, sizeof descriptor, "/dev/fd/%d", fd);
    if (fuse_session_mount(fuse, descriptor) == 0)
        return fuse;
    fuse_session_destroy(fuse);
    return NULL;
}

int ffs_session_new(struct ffs_mount *mount, int fd, struct ffs_session **ret_session)
{
    struct ffs_session *session = calloc(1, sizeof *session);
    if (!session)
        return -ENOMEM;
    session->mount = mount;
    int error = ffs_receiver_init(&session->receiver, fd, vol_buffers(mount->volume));
    if (error)
        goto fail;
    session->fuse = new_fuse(session, fd);
    if (!session->fuse) {
        error = -EIO;
        goto fail;
    }
    *ret_session = session;
    return 0;

fail:
    ffs_receiver_done(&session->receiver);
    free(session);
    return error;
}

void ffs_session_free(struct ffs_session *session)
{
    if (!session)
        return;
    fuse_session_destroy(session->fuse);
    ffs_receiver_done(&session->receiver);
    free(session);
}

enum ffs_received ffs_session_receive(struct ffs_session *session)
{
    struct ffs_receiver *receiver = &session->receiver;
    const int got = ffs_receiver_read(receiver);
    /* ENOMEM: the kernel's; the request that it was for has failed, the mount has not. The
     * descriptor tells when there is more. */
    if (got == -EAGAIN || got == -EINTR || got == -ENOENT || got == -ENOMEM)
        return FFS_NOTHING_LEFT;
    if (got < 0)
        return FFS_GONE;
    const struct fuse_buf request = {.size = (size_t)got, .mem = receiver->memory};
    fuse_session_process_buf(session->fuse, &request);
    ffs_receiver_forget(receiver);
    return fuse_session_exited(session->fuse) ? FFS_GONE : FFS_RECEIVED;
}

/*
 * Safe from the loop although the kernel may hold the inode's lock in a request to us: without a
 * range (offset < 0) only the attributes are marked as old, no page is waited for. ENOENT (nobody
 * looked at the file yet) is as good as done.
 */
void ffs_session_resized(struct ffs_session *session)
{
    fuse_lowlevel_notify_inval_inode(session->fuse, disk_inode(session->mount), -1, 0);
}
