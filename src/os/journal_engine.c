/*
 * Good day: an operation gets a slot, goes to the kernel in one piece and ends.
 *
 * What can go wrong: the kernel transfers less than it was asked to (a signal, a limit). The rest
 * is sent as a further piece, so the caller sees all or an error; nothing at all is the end of the
 * device, -EIO. A piece that the kernel puts off (-EAGAIN, -EINTR) is sent again, RETRIES times.
 */
#include "os/journal_engine.h"

#include <assert.h>
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define RETRIES 1000u

void jdev_transfer_init(struct jdev_transfer *transfer, const struct jdev_op *op)
{
    *transfer = (struct jdev_transfer){
        .kind = op->kind,
        .durable = op->durable,
        .offset = op->offset,
        .left = op->kind == JDEV_SYNC ? 0 : op->bytes,
        .iov = op->iov,
        .iov_count = op->iov_count,
    };
}

const struct iovec *jdev_transfer_piece(const struct jdev_transfer *transfer, int *ret_count)
{
    bool cut = transfer->cut.iov_len > 0;
    *ret_count = cut ? 1 : transfer->iov_count;
    return cut ? &transfer->cut : transfer->iov;
}

static void skip(struct jdev_transfer *transfer, uint64_t bytes)
{
    struct iovec *cut = &transfer->cut;
    transfer->left -= bytes;
    transfer->offset += bytes;
    while (bytes > 0) {
        if (cut->iov_len == 0) {
            assert(transfer->iov_count > 0);
            *cut = *transfer->iov++;
            transfer->iov_count--;
        }
        size_t step = bytes < cut->iov_len ? (size_t)bytes : cut->iov_len;
        cut->iov_base = (char *)cut->iov_base + step;
        cut->iov_len -= step;
        bytes -= step;
    }
}

bool jdev_transfer_advance(struct jdev_transfer *transfer, int64_t result, int *ret_error)
{
    if ((result == -EAGAIN || result == -EINTR) && transfer->retries < RETRIES) {
        transfer->retries++;
        return false;
    }
    bool ended = result < 0 || (uint64_t)result >= transfer->left;
    if (result < 0) {
        *ret_error = (int)result;
    } else if (ended) {
        *ret_error = 0;
    } else if (result == 0) {
        *ret_error = -EIO;
        ended = true;
    } else {
        skip(transfer, (uint64_t)result);
    }
    return ended;
}

static ssize_t piece(int fd, const struct jdev_transfer *transfer)
{
    int count;
    const struct iovec *iov = jdev_transfer_piece(transfer, &count);
    off_t offset = (off_t)transfer->offset;
    ssize_t result;
    switch (transfer->kind) {
    case JDEV_WRITE:
        result = pwritev2(fd, iov, count, offset, transfer->durable ? RWF_DSYNC : 0);
        break;
    case JDEV_READ:
        result = preadv2(fd, iov, count, offset, 0);
        break;
    default:
        result = fdatasync(fd);
        break;
    }
    return result < 0 ? -errno : result;
}

int jdev_carry_out(int fd, struct jdev_transfer *transfer)
{
    int error;
    while (!jdev_transfer_advance(transfer, piece(fd, transfer), &error))
        ;
    return error;
}

void jdev_queue_init(struct jdev_queue *queue)
{
    list_init(&queue->waiting);
    list_init(&queue->free);
    for (unsigned i = 0; i < JDEV_IN_FLIGHT; i++) {
        list_init(&queue->slots[i].node);
        list_append(&queue->free, &queue->slots[i].node);
    }
}

void jdev_queue_add(struct jdev_queue *queue, struct jdev_op *op)
{
    list_init(&op->node);
    list_append(&queue->waiting, &op->node);
}

struct jdev_slot *jdev_queue_take(struct jdev_queue *queue)
{
    if (list_is_empty(&queue->waiting) || list_is_empty(&queue->free))
        return NULL;
    struct jdev_slot *slot = list_first(&queue->free, struct jdev_slot, node);
    list_remove(&slot->node);
    slot->op = list_first(&queue->waiting, struct jdev_op, node);
    list_remove(&slot->op->node);
    jdev_transfer_init(&slot->transfer, slot->op);
    return slot;
}

void jdev_queue_end(struct jdev_queue *queue, struct jdev_slot *slot, int error)
{
    struct jdev_op *op = slot->op;
    slot->op = NULL;
    list_append(&queue->free, &slot->node);
    op->done(op, error);
}
