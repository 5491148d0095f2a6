/*
 * For a ring in memory (tmpfs): there is nothing to wait for, so the loop copies the bytes itself,
 * before it waits again. (io_uring hands buffered writes on tmpfs to a worker; the way there and
 * back costs many times the copy.)
 */
#include <errno.h>
#include <stdlib.h>

#include "os/journal_engine.h"

struct inline_engine {
    struct jdev_engine engine;
    struct evl *loop;
    int fd;
    struct evl_call call;
    struct list_node waiting; /* operations */
};

static void carry_out_all(struct evl_call *call)
{
    struct inline_engine *self = container_of(call, struct inline_engine, call);
    struct list_node ready;
    struct jdev_op *op;
    list_init(&ready);
    list_splice(&ready, &self->waiting); /* what done() submits has its turn next time */
    while ((op = list_first(&ready, struct jdev_op, node))) {
        struct jdev_transfer transfer;
        list_remove(&op->node);
        jdev_transfer_init(&transfer, op);
        op->done(op, jdev_carry_out(self->fd, &transfer));
    }
}

static void submit(struct jdev_engine *engine, struct jdev_op *op)
{
    struct inline_engine *self = container_of(engine, struct inline_engine, engine);
    list_append(&self->waiting, &op->node);
    evl_call_defer(self->loop, &self->call);
}

static int inline_free(struct jdev_engine *engine)
{
    struct inline_engine *self = container_of(engine, struct inline_engine, engine);
    evl_call_cancel(&self->call);
    free(self);
    return 0;
}

static const struct jdev_engine_ops inline_ops = {.submit = submit, .free = inline_free};

int jdev_inline_new(int fd, struct evl *loop, struct jdev_engine **ret_engine)
{
    struct inline_engine *self = calloc(1, sizeof *self);
    if (self == NULL)
        return -ENOMEM;
    self->engine.ops = &inline_ops;
    self->loop = loop;
    self->fd = fd;
    list_init(&self->waiting);
    evl_call_init(&self->call, carry_out_all);
    *ret_engine = &self->engine;
    return 0;
}
