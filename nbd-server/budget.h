/*
 * The volume's memory, as one connection may use it.
 *
 * A connection holds payload buffers while requests are under way and until replies are sent. A
 * client that sends requests and reads no answers could so take all of the memory; therefore a
 * connection may hold its share of one half of it (but always one largest buffer): half of the
 * memory divided by the connections that are in the transmission phase.
 *
 * A take that fails is repeated by the caller when wake() was called, or when something that this
 * connection holds was given back. At most one take waits per connection, so the pool's queue is
 * bounded by the number of connections.
 */
#ifndef NBD_SERVER_BUDGET_H
#define NBD_SERVER_BUDGET_H

#include "base/buffer_pool.h"
#include "nbd-server/export.h"

struct nsrv_budget {
    struct nsrv_export *export;
    struct buffer_pool *pool;
    uint64_t held_bytes;
    struct buffer_waiter waiter;
    struct buffer *granted; /* came for the take that waits, and was not taken yet */
    /* From inside somebody's buffer_unref(): only to note it. */
    void (*wake)(struct nsrv_budget *budget);
};

void nsrv_budget_init(struct nsrv_budget *budget, struct nsrv_export *export,
                      void (*wake)(struct nsrv_budget *budget));

/* Stops waiting. What is held is still to be given back. */
void nsrv_budget_done(struct nsrv_budget *budget);

/* NULL: not now. The same take must be repeated until it succeeds, or nsrv_budget_done(). */
struct buffer *nsrv_budget_take(struct nsrv_budget *budget, uint32_t bytes);

/* NULL: not now, and nobody waits for it. */
struct buffer *nsrv_budget_try(struct nsrv_budget *budget, uint32_t bytes);

/* NULL-safe. */
void nsrv_budget_give(struct nsrv_budget *budget, struct buffer *buffer);

#endif
