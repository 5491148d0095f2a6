/*
 * What a FUSE server and an initiator cost together at the least: requests of the kernel go to the
 * LUN as they come, answers back, and nothing else is done. No session is kept alive, no order
 * kept, nothing checked, no write remembered that the target could lose. A measure, not a program:
 * it ends at the first thing that goes wrong.
 *
 * One thread; per turn at most TURN requests are read, then all is sent to the target in one go,
 * then all answers to the kernel, as holdfast does it.
 *
 * Usage: bare_fuse iscsi://HOST:PORT/TARGET/LUN FILE
 */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <linux/fuse.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/lun.h"
#include "os/tcp_congestion.h"

#ifndef FOPEN_PARALLEL_DIRECT_WRITES /* linux/fuse.h 7.38 */
#define FOPEN_PARALLEL_DIRECT_WRITES (1 << 6)
#endif

#define REQUESTS      256u /* twice what the kernel sends by itself */
#define BACKGROUND    128u
#define TURN          8
#define TRANSFER_MAX  (1024u * 1024)
#define RECEIVE_BYTES (TRANSFER_MAX + 8192)

struct job {
    struct job *next; /* of those that are free, or of those that are done */
    fuse_req_t request;
    unsigned left; /* commands under way */
    int error;
    bool is_read;
    uint32_t bytes; /* 0: FSYNC */
    unsigned char *memory;
};

static struct job jobs[REQUESTS], *idle, *finished, **finished_end = &finished;
static unsigned char *receive; /* where the next request is read to */
static struct lun lun;
static struct stat attributes = {.st_ino = FUSE_ROOT_ID, .st_mode = S_IFREG | 0600, .st_nlink = 1};
static volatile sig_atomic_t told_to_end;

static void fail(const char *what, const char *reason)
{
    fprintf(stderr, "bare_fuse: %s: %s\n", what, reason);
    exit(1);
}

static void fail_of_iscsi(const char *what)
{
    fail(what, iscsi_get_error(lun.iscsi));
}

/* --- the target --- */

static void answered(struct iscsi_context *context, int status, void *task, void *owner)
{
    struct job *job = owner;
    if (status != SCSI_STATUS_GOOD)
        job->error = EIO;
    scsi_free_scsi_task(task);
    if (--job->left > 0)
        return;
    job->next = NULL;
    *finished_end = job;
    finished_end = &job->next;
}

static struct job *take(fuse_req_t request, unsigned commands)
{
    struct job *job = idle;
    if (!job)
        fail("the kernel", "more requests than was agreed on");
    idle = job->next;
    job->request = request;
    job->left = commands;
    job->error = 0;
    job->is_read = false;
    job->bytes = 0;
    return job;
}

static void transfer(struct job *job, unsigned char *data, uint64_t offset, uint32_t bytes)
{
    uint64_t lba = offset / lun.block_bytes;
    struct scsi_task *task =
        job->is_read ? iscsi_read16_task(lun.iscsi, lun.number, lba, bytes, (int)lun.block_bytes, 0,
                                         0, 0, 0, 0, answered, job)
                     : iscsi_write16_task(lun.iscsi, lun.number, lba, data, bytes,
                                          (int)lun.block_bytes, 0, 0, 0, 0, 0, answered, job);
    if (!task)
        fail_of_iscsi("command");
    if (job->is_read)
        scsi_task_add_data_in_buffer(task, (int)bytes, data);
}

static void transfer_all(struct job *job, unsigned char *data, uint64_t offset, uint32_t bytes)
{
    for (uint32_t at = 0; at < bytes; at += LUN_PIECE_BYTES)
        transfer(job, data + at, offset + at,
                 bytes - at < LUN_PIECE_BYTES ? bytes - at : LUN_PIECE_BYTES);
}

static unsigned pieces(size_t bytes)
{
    return (unsigned)((bytes + LUN_PIECE_BYTES - 1) / LUN_PIECE_BYTES);
}

static void open_lun(const char *target)
{
    const char *error = lun_open(&lun, target, TCP_CONGESTION_USUAL);
    if (error)
        fail(target, error);
    attributes.st_size = (off_t)lun.bytes;
}

static void service(int events)
{
    if (iscsi_service(lun.iscsi, events) < 0)
        fail_of_iscsi("iSCSI");
}

static void send_queued(void)
{
    if (!(iscsi_which_events(lun.iscsi) & POLLOUT))
        return;
    int fd = iscsi_get_fd(lun.iscsi), on = iscsi_out_queue_length(lun.iscsi) > 1, off = 0;
    if (on)
        setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    service(POLLOUT);
    if (on)
        setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
}

/* --- the kernel --- */

static void op_read(fuse_req_t request, fuse_ino_t inode, size_t bytes, off_t offset,
                    struct fuse_file_info *info)
{
    struct job *job = take(request, pieces(bytes));
    job->is_read = true;
    job->bytes = (uint32_t)bytes;
    transfer_all(job, job->memory, (uint64_t)offset, job->bytes);
}

/* The payload stays where it was read to, and the next request is read to another place. */
static void op_write(fuse_req_t request, fuse_ino_t inode, const char *data, size_t bytes,
                     off_t offset, struct fuse_file_info *info)
{
    struct job *job = take(request, pieces(bytes));
    unsigned char *other = job->memory;
    job->memory = receive;
    receive = other;
    job->bytes = (uint32_t)bytes;
    transfer_all(job, job->memory + (data - (const char *)job->memory), (uint64_t)offset,
                 job->bytes);
}

static void op_fsync(fuse_req_t request, fuse_ino_t inode, int only_data,
                     struct fuse_file_info *info)
{
    if (!iscsi_synchronizecache10_task(lun.iscsi, lun.number, 0, 0, 0, 0, answered,
                                       take(request, 1)))
        fail_of_iscsi("SYNCHRONIZE CACHE");
}

static void op_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    fuse_reply_attr(request, &attributes, 3600.0);
}

static void op_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *to, int wanted,
                       struct fuse_file_info *info)
{
    op_getattr(request, inode, info);
}

static void op_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    const struct fuse_open_out out = {
        .open_flags = FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES,
    };
    fuse_reply_buf(request, (const char *)&out, sizeof out);
}

static void op_init(void *userdata, struct fuse_conn_info *connection)
{
    connection->max_write = TRANSFER_MAX;
    connection->max_background = BACKGROUND;
    connection->congestion_threshold = BACKGROUND * 3 / 4;
    connection->want |= connection->capable & FUSE_CAP_ASYNC_DIO;
}

static const struct fuse_lowlevel_ops operations = {
    .init = op_init,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .open = op_open,
    .read = op_read,
    .write = op_write,
    .fsync = op_fsync,
};

static void answer(struct job *job)
{
    if (job->error || job->bytes == 0)
        fuse_reply_err(job->request, job->error);
    else if (job->is_read)
        fuse_reply_buf(job->request, (const char *)job->memory, job->bytes);
    else
        fuse_reply_write(job->request, job->bytes);
    job->next = idle;
    idle = job;
}

static void answer_finished(void)
{
    while (finished) {
        struct job *job = finished;
        finished = job->next;
        answer(job);
    }
    finished_end = &finished;
}

static void take_requests(struct fuse_session *fuse, int fd)
{
    for (int i = 0; i < TURN; i++) {
        ssize_t got = read(fd, receive, RECEIVE_BYTES);
        if (got < 0)
            return;
        const struct fuse_buf request = {.size = (size_t)got, .mem = receive};
        fuse_session_process_buf(fuse, &request);
    }
}

static struct fuse_session *mount_on(const char *file, int fd)
{
    char *argv[] = {(char *)"bare_fuse", NULL}, text[128];
    struct fuse_args arguments = FUSE_ARGS_INIT(1, argv);
    snprintf(text, sizeof text, "fd=%d,rootmode=100000,user_id=0,group_id=0,allow_other", fd);
    if (fd < 0 || mount("bare_fuse", file, "fuse", 0, text) != 0)
        fail(file, strerror(errno));
    struct fuse_session *fuse = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    snprintf(text, sizeof text, "/dev/fd/%d", fd);
    if (!fuse || fuse_session_mount(fuse, text) != 0)
        fail(file, "libfuse does not take it");
    return fuse;
}

static void run(struct fuse_session *fuse, int fd)
{
    struct pollfd ready[] = {{.fd = fd, .events = POLLIN}, {.fd = iscsi_get_fd(lun.iscsi)}};
    while (!told_to_end && !fuse_session_exited(fuse)) {
        ready[1].events = (short)iscsi_which_events(lun.iscsi);
        if (poll(ready, 2, -1) < 0)
            continue;
        if (ready[1].revents)
            service(ready[1].revents);
        if (ready[0].revents & POLLIN)
            take_requests(fuse, fd);
        else if (ready[0].revents)
            return; /* unmounted */
        send_queued();
        answer_finished();
    }
}

static void tell_to_end(int number)
{
    told_to_end = 1;
}

static unsigned char *memory(void)
{
    unsigned char *found = aligned_alloc(4096, RECEIVE_BYTES);
    if (!found)
        fail("payload", strerror(ENOMEM));
    return found;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bare_fuse iscsi://HOST:PORT/TARGET/LUN FILE\n");
        return 2;
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        jobs[i].memory = memory();
        jobs[i].next = idle;
        idle = &jobs[i];
    }
    receive = memory();
    open_lun(argv[1]);
    int fd = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct fuse_session *fuse = mount_on(argv[2], fd);
    const struct sigaction action = {.sa_handler = tell_to_end}; /* interrupts poll() */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    run(fuse, fd);
    umount2(argv[2], MNT_DETACH);
    return 0;
}
