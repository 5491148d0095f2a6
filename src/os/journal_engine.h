/*
 * What carries the operations of a journal device: io_uring (journal_device_uring.c), worker
 * threads (journal_device_thread.c) or, for memory, nobody else (journal_device_inline.c); and what
 * they have in common.
 *
 * Internal to journal_device*.c.
 */
#ifndef OS_JOURNAL_ENGINE_H
#define OS_JOURNAL_ENGINE_H

#include <sys/types.h>

#include "os/journal_device.h"

struct jdev_engine;

struct jdev_engine_ops {
    void (*submit)(struct jdev_engine *engine, struct jdev_op *op);
    /* Waits JDEV_CLOSE_MS at most; 0, or -ETIMEDOUT, then what the kernel still uses is left. */
    int (*free)(struct jdev_engine *engine);
};

struct jdev_engine {
    const struct jdev_engine_ops *ops;
};

/* 0, -ENOMEM, or another -errno when the system does not offer this engine. `fd` stays the
 * caller's and open until after free(). */
int jdev_uring_new(int fd, struct evl *loop, struct jdev_engine **ret_engine);
int jdev_thread_new(int fd, struct evl *loop, struct jdev_engine **ret_engine);
/* For memory only: it does not wait for anything. */
int jdev_inline_new(int fd, struct evl *loop, struct jdev_engine **ret_engine);

/* --- one operation on its way, in as many pieces as the kernel makes of it --- */

struct jdev_transfer {
    enum jdev_kind kind;
    bool durable;
    uint64_t offset;         /* of what is left */
    uint64_t left;           /* bytes */
    const struct iovec *iov; /* the whole elements that are left */
    int iov_count;
    struct iovec cut; /* the rest of the element before them, when its length is not 0 */
    unsigned retries;
};

void jdev_transfer_init(struct jdev_transfer *transfer, const struct jdev_op *op);

/* The memory of the next piece; it ends where the transfer ends or earlier. */
const struct iovec *jdev_transfer_piece(const struct jdev_transfer *transfer, int *ret_count);

/* Takes the result of a piece: bytes, or -errno. True when the operation has ended, with its
 * error; false when the next piece is to be started. */
bool jdev_transfer_advance(struct jdev_transfer *transfer, int64_t result, int *ret_error);

/* All of it, in the caller's thread, which may block. Returns 0 or -errno. */
int jdev_carry_out(int fd, struct jdev_transfer *transfer);

/* --- the operations of an engine --- */

struct jdev_slot {
    struct list_node node; /* where the engine wants it */
    struct jdev_op *op;
    struct jdev_transfer transfer;
    int error;
};

struct jdev_queue {
    struct list_node waiting; /* operations without a slot */
    struct list_node free;    /* slots */
    struct jdev_slot slots[JDEV_IN_FLIGHT];
};

void jdev_queue_init(struct jdev_queue *queue);

void jdev_queue_add(struct jdev_queue *queue, struct jdev_op *op);

/* The next operation, in a slot; NULL when none waits or no slot is free. */
struct jdev_slot *jdev_queue_take(struct jdev_queue *queue);

/* Frees the slot (which is in no list) and calls the operation's done(). */
void jdev_queue_end(struct jdev_queue *queue, struct jdev_slot *slot, int error);

#endif
