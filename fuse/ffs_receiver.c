#include "fuse/ffs_receiver.h"

#include <assert.h>
#include <errno.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/checked.h"

#define WRITE_HEAD (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))

#define ALIGNMENT 4096u
/* Of the memory: the head ends where a page does, so that the kernel copies whole pages. */
#define SKIPPED (ALIGNMENT - WRITE_HEAD)

int ffs_receiver_init(struct ffs_receiver *receiver, int fd, struct buffer_pool *pool)
{
    uint8_t *start = aligned_alloc(ALIGNMENT, ALIGNMENT + BUFFER_BYTES_MAX);
    if (!start)
        return -ENOMEM;
    *receiver = (struct ffs_receiver){.fd = fd, .pool = pool, .memory = start + SKIPPED};
    return 0;
}

void ffs_receiver_done(struct ffs_receiver *receiver)
{
    ffs_receiver_forget(receiver);
    if (receiver->memory)
        free(receiver->memory - SKIPPED);
    receiver->memory = NULL;
}

void ffs_receiver_forget(struct ffs_receiver *receiver)
{
    struct buffer *payload = receiver->payload;
    receiver->payload = NULL;
    buffer_unref(payload);
}

/* Where the bytes behind the head go to: the buffer, and what is more. */
static ssize_t read_apart(const struct ffs_receiver *receiver)
{
    const struct buffer *buffer = receiver->payload;
    const uint32_t apart = buffer ? buffer->capacity : 0;
    const struct iovec iov[] = {
        {receiver->memory, WRITE_HEAD},
        {buffer ? buffer->data : NULL, apart},
        {receiver->memory + WRITE_HEAD + apart, BUFFER_BYTES_MAX - apart},
    };
    return readv(receiver->fd, iov, 3);
}

/* Payload of the WRITE in memory; 0: it is something else. */
static uint32_t payload_bytes(const struct ffs_receiver *receiver, size_t got)
{
    struct fuse_in_header header;
    memcpy(&header, receiver->memory, sizeof header);
    return header.opcode == FUSE_WRITE && got > WRITE_HEAD ? (uint32_t)(got - WRITE_HEAD) : 0;
}

/* A small payload in a large buffer would keep memory for nothing. */
static bool fits(const struct buffer *buffer, uint32_t bytes)
{
    return bytes > 0 && buffer_capacity_for(bytes) == buffer->capacity;
}

static void make_one_piece(struct ffs_receiver *receiver, size_t got)
{
    const struct buffer *apart = receiver->payload;
    if (got > WRITE_HEAD)
        memcpy(receiver->memory + WRITE_HEAD, apart->data,
               min_u64(got - WRITE_HEAD, apart->capacity));
    ffs_receiver_forget(receiver);
}

int ffs_receiver_read(struct ffs_receiver *receiver)
{
    assert(!receiver->payload);
    if (receiver->expected > 0)
        receiver->payload = buffer_get(receiver->pool, receiver->expected);
    const ssize_t got = read_apart(receiver);
    if (got < (ssize_t)sizeof(struct fuse_in_header)) {
        const int error = got < 0 ? -errno : -EIO;
        ffs_receiver_forget(receiver);
        return error;
    }
    receiver->expected = payload_bytes(receiver, (size_t)got);
    if (receiver->payload && !fits(receiver->payload, receiver->expected))
        make_one_piece(receiver, (size_t)got);
    return (int)got;
}
