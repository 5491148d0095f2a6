/*
 * Port: the device under the journal's ring: a file, a block device, or a file on tmpfs.
 *
 * Operations are asynchronous and may be several at once; each ends in its own done(), from the
 * event loop, never from inside submit(). Completed is not durable: what a write left in the
 * device's volatile cache survives the daemon but not the host, until a sync that was submitted
 * after the write's completion, or the write's own `durable`, has succeeded.
 *
 * Offsets, lengths and memory are aligned to JDEV_ALIGN (O_DIRECT).
 * Implemented by src/os (io_uring, or a worker thread) and by the simulator.
 */
#ifndef PORT_JOURNAL_DEVICE_H
#define PORT_JOURNAL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"

#define JDEV_ALIGN 512u

enum jdev_kind { JDEV_WRITE, JDEV_READ, JDEV_SYNC };

/* Caller-allocated; unchanged and alive, with its memory, until done(). */
struct jdev_op {
    enum jdev_kind kind;
    bool durable; /* JDEV_WRITE: on stable storage at completion (RWF_DSYNC) */
    uint64_t offset;
    const struct iovec *iov;
    int iov_count;  /* at most IOV_MAX */
    uint64_t bytes; /* sum of the lengths */
    /* error: 0, or -errno; a short transfer is -EIO. */
    void (*done)(struct jdev_op *op, int error);

    /* The device's own. */
    struct list_node node;
    void *device_private;
};

struct jdev_port;

struct jdev_port_ops {
    void (*submit)(struct jdev_port *device, struct jdev_op *op);
    /* Reads in the caller's thread, for recovery only, before anything else is submitted.
     * Returns 0 or -errno; a short read is -EIO. */
    int (*read_now)(struct jdev_port *device, uint64_t offset, void *data, size_t bytes);
    /* Writes and makes durable in the caller's thread, for recovery and tools only. */
    int (*write_now)(struct jdev_port *device, uint64_t offset, const void *data, size_t bytes);
    /* Makes all that was ever completed durable, in the caller's thread (invariant I12). */
    int (*sync_now)(struct jdev_port *device);
};

struct jdev_port {
    const struct jdev_port_ops *ops;
    uint64_t size_bytes;
};

#endif
