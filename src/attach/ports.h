/*
 * What the attachment of a kernel block device (nbd) wants of the world: a kernel to command, and
 * a server for the other end of the socket. The real ones are ev_kernel.c and ev_disk_server.c;
 * the tests have their own.
 *
 * A command to the kernel may hang for as long as the disk is away (opening a block device reads
 * its partition table; a resize waits for requests under way), and this process answers for that
 * disk: it must never wait itself. So commands are jobs, and their ends are told later.
 */
#ifndef ATTACH_PORTS_H
#define ATTACH_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#define ATT_BACKEND_BYTES 256
#define ATT_REASON_BYTES  256
#define ATT_ANY           UINT32_MAX /* whatever device is free */

/* What the kernel has to know of the disk. */
struct att_disk {
    uint64_t size_bytes;
    uint32_t block_bytes;
    uint16_t flags; /* NBD transmission flags */
    /* Who the disk is: kept by the kernel with the device, and the only thing that tells a new
     * daemon which device is its own. "holdfast:NAME:IDENTITY". */
    char backend[ATT_BACKEND_BYTES];
};

/* A device node of the kernel, as sysfs shows it. */
struct att_node {
    uint32_t index;
    bool bound; /* connected by somebody, perhaps with a dead socket */
    uint64_t size_bytes;
    char backend[ATT_BACKEND_BYTES]; /* "" when there is none */
};

enum att_op {
    ATT_CONNECT,   /* index (or ATT_ANY), disk, socket: a device that was free is ours */
    ATT_RECONNECT, /* index, disk, socket: a device of ours has a new socket, perhaps (see below) */
    ATT_TUNE,      /* index: the queue's limits */
    ATT_RESIZE,    /* index, disk: the new size, without a socket */
    ATT_SCAN,      /* index: look for partitions */
    ATT_RELEASE,   /* index, force: flush, disconnect; -EBUSY when in use and not forced */
};

/* Caller-allocated; unchanged and alive until done() or cancel(). */
struct att_job {
    enum att_op op;
    uint32_t index; /* CONNECT sets it */
    const struct att_disk *disk;
    int socket; /* CONNECT, RECONNECT: the kernel's end; the job's to close, whatever comes */
    bool force;
    /* From the event loop, never from inside start(). */
    void (*done)(struct att_job *job);

    int error;                     /* 0 or -errno */
    char reason[ATT_REASON_BYTES]; /* the error in words: the thing, the reason, the mend */

    void *work; /* the port's */
};

struct att_kernel_port;

struct att_kernel_ops {
    /* All nbd devices, in no order. Does not block. */
    void (*scan)(struct att_kernel_port *port,
                 void (*visit)(void *owner, const struct att_node *node), void *owner);
    /*
     * Begins the job. RECONNECT succeeds also when the kernel still believes in the old socket and
     * drops the new one: the server's is_taken() tells. When done() is called, the kernel's end is
     * closed but for the kernel's own reference.
     */
    void (*start)(struct att_kernel_port *port, struct att_job *job);
    /* done() will not be called. What was begun may happen or not. */
    void (*cancel)(struct att_kernel_port *port, struct att_job *job);
};

struct att_kernel_port {
    const struct att_kernel_ops *ops;
};

struct att_server_port;

struct att_server_ops {
    /* Serves the disk on a new socket; the other end is the caller's. At most one at a time. */
    int (*open)(struct att_server_port *port, int *ret_kernel_end);
    /* Somebody holds the other end. */
    bool (*is_taken)(struct att_server_port *port);
    /* Answers what is under way, then hangs up; closed() follows. */
    void (*stop)(struct att_server_port *port);
    /* Hangs up without another word: the kernel keeps what is unanswered and sends it again. No
     * closed() follows. No effect when nothing is open. */
    void (*hang_up)(struct att_server_port *port);
};

struct att_server_port {
    const struct att_server_ops *ops;
    /* Set by the device: the socket is gone, and not by hang_up(). Never from inside a call. */
    void (*closed)(void *owner);
    void *owner;
};

#endif
