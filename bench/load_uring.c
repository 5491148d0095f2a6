#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <string.h>
#include <unistd.h>

#include "bench/load.h"

static struct io_uring ring;
static int fd;

static uint64_t open_file(const char *target, unsigned depth)
{
    fd = open(target, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0)
        load_fail("%s: %s", target, strerror(errno));
    int error = io_uring_queue_init(depth * 2, &ring, 0);
    if (error)
        load_fail("io_uring: %s", strerror(-error));
    return (uint64_t)lseek(fd, 0, SEEK_END);
}

static void submit(const struct load_op *op)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (op->kind == LOAD_READ)
        io_uring_prep_read(sqe, fd, op->data, op->bytes, op->offset);
    else if (op->kind == LOAD_WRITE)
        io_uring_prep_write(sqe, fd, op->data, op->bytes, op->offset);
    else
        io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    if (op->fua)
        sqe->rw_flags = RWF_DSYNC;
    /* The result has to be the length: a short transfer is an error. */
    io_uring_sqe_set_data64(sqe, (uint64_t)op->bytes << 32 | op->slot);
}

static void turn(void)
{
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    int error = io_uring_submit_and_wait(&ring, 1);
    if (error < 0 && error != -EINTR)
        load_fail("io_uring: %s", strerror(-error));
    io_uring_for_each_cqe(&ring, head, cqe)
    {
        uint64_t data = io_uring_cqe_get_data64(cqe);
        bool whole = cqe->res == (int)(data >> 32);
        load_done((unsigned)data, cqe->res < 0 ? -cqe->res : whole ? 0 : EIO);
        count++;
    }
    io_uring_cq_advance(&ring, count);
}

static void close_file(void)
{
    io_uring_queue_exit(&ring);
    close(fd);
}

const struct load_engine load_uring = {"", open_file, submit, turn, close_file};
