/*
 * Good day: submit() only queues; at the end of the loop's turn all that came together goes to the
 * kernel with one system call. Completions raise an eventfd that the loop watches.
 *
 * COOP_TASKRUN, but never DEFER_TASKRUN: with that the eventfd is not raised before somebody asks
 * the ring, and the loop waits for ever.
 *
 * What can go wrong: the kernel takes nothing now (-EAGAIN, -EBUSY, -ENOMEM): entries stay in the
 * ring and are offered again after the next completion, or after RETRY_MS. It takes nothing ever
 * (a security module changed its mind): all that it has not taken fails with that error, and so
 * does everything later.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/journal_engine.h"

#define RETRY_MS 10u

struct uring {
    struct jdev_engine engine;
    struct evl *loop;
    int fd;
    struct io_uring ring;
    struct evl_watch watch; /* the eventfd */
    struct evl_hook hook;
    struct timer retry;
    struct jdev_queue queue;
    struct list_node again;    /* slots whose next piece has no entry yet */
    struct list_node prepared; /* slots with an entry that the kernel has not taken, in order */
    unsigned in_kernel;        /* slots */
    int broken;                /* 0, or what everything fails with */
};

static void prepare(struct uring *uring, struct jdev_slot *slot)
{
    struct jdev_transfer *transfer = &slot->transfer;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
    assert(sqe); /* the ring has one for each slot */
    int count;
    const struct iovec *iov = jdev_transfer_piece(transfer, &count);
    switch (transfer->kind) {
    case JDEV_WRITE:
        io_uring_prep_writev2(sqe, uring->fd, iov, (unsigned)count, transfer->offset,
                              transfer->durable ? RWF_DSYNC : 0);
        break;
    case JDEV_READ:
        io_uring_prep_readv(sqe, uring->fd, iov, (unsigned)count, transfer->offset);
        break;
    case JDEV_SYNC:
        io_uring_prep_fsync(sqe, uring->fd, IORING_FSYNC_DATASYNC);
        break;
    }
    io_uring_sqe_set_data(sqe, slot);
    list_append(&uring->prepared, &slot->node);
}

static void taken(struct uring *uring, int count)
{
    for (; count > 0; count--) {
        struct jdev_slot *slot = list_first(&uring->prepared, struct jdev_slot, node);
        assert(slot);
        list_remove(&slot->node);
        uring->in_kernel++;
    }
}

static void fail_rest(struct uring *uring)
{
    struct list_node rest;
    struct jdev_slot *slot;
    list_init(&rest);
    list_splice(&rest, &uring->prepared);
    list_splice(&rest, &uring->again);
    while ((slot = list_first(&rest, struct jdev_slot, node))) {
        list_remove(&slot->node);
        jdev_queue_end(&uring->queue, slot, uring->broken);
    }
    /* Only those of now: what a done() submits has its turn at the next hook. */
    struct jdev_op *last = list_is_empty(&uring->queue.waiting)
                               ? NULL
                               : container_of(uring->queue.waiting.prev, struct jdev_op, node);
    for (struct jdev_op *op = NULL; op != last && (slot = jdev_queue_take(&uring->queue));) {
        op = slot->op;
        jdev_queue_end(&uring->queue, slot, uring->broken);
    }
}

static void submit_prepared(struct uring *uring)
{
    while (!list_is_empty(&uring->prepared)) {
        int count = io_uring_submit(&uring->ring);
        if (count > 0) {
            taken(uring, count);
        } else if (count == 0 || count == -EAGAIN || count == -EBUSY || count == -ENOMEM) {
            port_timer_after_ms(evl_timer_port(uring->loop), &uring->retry, RETRY_MS);
            return;
        } else if (count != -EINTR) {
            uring->broken = count;
            fail_rest(uring);
            return;
        }
    }
    port_timer_stop(evl_timer_port(uring->loop), &uring->retry);
}

static void turn_ends(struct evl_hook *hook)
{
    struct uring *uring = container_of(hook, struct uring, hook);
    if (uring->broken) {
        fail_rest(uring);
        return;
    }
    struct jdev_slot *slot;
    while ((slot = list_first(&uring->again, struct jdev_slot, node))) {
        list_remove(&slot->node);
        prepare(uring, slot);
    }
    while ((slot = jdev_queue_take(&uring->queue)))
        prepare(uring, slot);
    submit_prepared(uring);
}

static void request_hook(struct uring *uring)
{
    evl_hook_request(uring->loop, &uring->hook);
}

static void retry_due(struct timer *timer)
{
    request_hook(container_of(timer, struct uring, retry));
}

static void submit(struct jdev_engine *engine, struct jdev_op *op)
{
    struct uring *uring = container_of(engine, struct uring, engine);
    jdev_queue_add(&uring->queue, op);
    request_hook(uring);
}

/* The next completion: its slot, which is in no list then, or NULL. */
static struct jdev_slot *reap(struct uring *uring, int *ret_result)
{
    struct io_uring_cqe *cqe;
    if (io_uring_peek_cqe(&uring->ring, &cqe) < 0)
        return NULL;
    struct jdev_slot *slot = io_uring_cqe_get_data(cqe);
    *ret_result = cqe->res;
    io_uring_cqe_seen(&uring->ring, cqe);
    assert(uring->in_kernel > 0);
    uring->in_kernel--;
    return slot;
}

static void completed(struct evl_watch *watch, unsigned events)
{
    struct uring *uring = container_of(watch, struct uring, watch);
    struct jdev_slot *slot;
    eventfd_t count;
    int result, error;
    eventfd_read(watch->fd, &count);
    while ((slot = reap(uring, &result))) {
        if (jdev_transfer_advance(&slot->transfer, result, &error))
            jdev_queue_end(&uring->queue, slot, error);
        else
            list_append(&uring->again, &slot->node);
    }
    request_hook(uring); /* slots may have come free for those that wait */
}

static bool wait_for_kernel(struct uring *uring)
{
    uint64_t deadline_ms = clock_ms() + JDEV_CLOSE_MS;
    int64_t left_ms;
    int result;
    do {
        eventfd_t count;
        eventfd_read(uring->watch.fd, &count);
        while (reap(uring, &result))
            ;
        if (uring->in_kernel == 0)
            return true;
        left_ms = (int64_t)(deadline_ms - clock_ms());
        struct pollfd poll_fd = {.fd = uring->watch.fd, .events = POLLIN};
        poll(&poll_fd, 1, left_ms > 0 ? (int)left_ms : 0);
    } while (left_ms > 0);
    return false;
}

static int uring_free(struct jdev_engine *engine)
{
    struct uring *uring = container_of(engine, struct uring, engine);
    evl_hook_cancel(&uring->hook);
    port_timer_stop(evl_timer_port(uring->loop), &uring->retry);
    evl_watch_stop(uring->loop, &uring->watch);
    if (!wait_for_kernel(uring))
        return -ETIMEDOUT;
    io_uring_queue_exit(&uring->ring);
    close(uring->watch.fd);
    free(uring);
    return 0;
}

static const struct jdev_engine_ops uring_ops = {.submit = submit, .free = uring_free};

/* SINGLE_ISSUER is younger than COOP_TASKRUN, and that than io_uring. */
static int set_up_ring(struct io_uring *ring)
{
    const unsigned wishes[] = {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
                               IORING_SETUP_COOP_TASKRUN, 0};
    int error = -EINVAL;
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0] && error == -EINVAL; i++)
        error = io_uring_queue_init(JDEV_IN_FLIGHT, ring, wishes[i]);
    return error;
}

/* A sandbox may allow the ring and forbid its use: one NOP, which the kernel ends at once. */
static int probe(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    io_uring_prep_nop(io_uring_get_sqe(ring));
    int count = io_uring_submit(ring);
    if (count != 1)
        return count < 0 ? count : -EIO;
    int error = io_uring_peek_cqe(ring, &cqe);
    if (error < 0)
        return error;
    io_uring_cqe_seen(ring, cqe);
    return 0;
}

static int set_up(struct uring *uring)
{
    int error = set_up_ring(&uring->ring);
    if (error < 0)
        return error;
    error = probe(&uring->ring);
    if (error < 0)
        goto close_ring;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        error = -errno;
        goto close_ring;
    }
    error = io_uring_register_eventfd(&uring->ring, fd);
    if (error < 0)
        goto close_eventfd;
    evl_watch_init(&uring->watch, fd, completed);
    return 0;

close_eventfd:
    close(fd);
close_ring:
    io_uring_queue_exit(&uring->ring);
    return error;
}

int jdev_uring_new(int fd, struct evl *loop, struct jdev_engine **ret_engine)
{
    struct uring *uring = calloc(1, sizeof *uring);
    if (uring == NULL)
        return -ENOMEM;
    int error = set_up(uring);
    if (error < 0) {
        free(uring);
        return error;
    }
    uring->engine.ops = &uring_ops;
    uring->loop = loop;
    uring->fd = fd;
    evl_hook_init(&uring->hook, turn_ends);
    timer_init(&uring->retry, retry_due);
    jdev_queue_init(&uring->queue);
    list_init(&uring->again);
    list_init(&uring->prepared);
    evl_watch_set(loop, &uring->watch, EVL_READ);
    *ret_engine = &uring->engine;
    return 0;
}
