#include "nbd-server/budget.h"

#include <assert.h>
#include <stdbool.h>

#include "base/checked.h"

static void available(struct buffer_waiter *waiter)
{
    struct nsrv_budget *budget = container_of(waiter, struct nsrv_budget, waiter);
    assert(!budget->granted);
    budget->granted = buffer_get_now(budget->pool, waiter->bytes);
    assert(budget->granted);
    budget->wake(budget);
}

void nsrv_budget_init(struct nsrv_budget *budget, struct nsrv_export *export,
                      void (*wake)(struct nsrv_budget *budget))
{
    *budget = (struct nsrv_budget){
        .export = export,
        .pool = vol_buffers(export->volume),
        .waiter.available = available,
        .wake = wake,
    };
    list_init(&budget->waiter.node);
}

void nsrv_budget_done(struct nsrv_budget *budget)
{
    buffer_wait_cancel(&budget->waiter);
    buffer_unref(budget->granted);
    budget->granted = NULL;
}

static bool is_waiting(const struct nsrv_budget *budget)
{
    return !list_is_empty(&budget->waiter.node);
}

static bool has_share(const struct nsrv_budget *budget, uint32_t bytes)
{
    const uint64_t connections = max_u64(1, budget->export->transmitting);
    const uint64_t share =
        max_u64(BUFFER_BYTES_MAX, buffer_pool_bytes(budget->pool) / 2 / connections);
    return budget->held_bytes == 0 || budget->held_bytes + bytes <= share;
}

static struct buffer *hold(struct nsrv_budget *budget, struct buffer *buffer)
{
    if (buffer)
        budget->held_bytes += buffer->capacity;
    return buffer;
}

struct buffer *nsrv_budget_take(struct nsrv_budget *budget, uint32_t bytes)
{
    if (budget->granted) {
        struct buffer *buffer = budget->granted;
        assert(buffer->capacity >= bytes);
        budget->granted = NULL;
        return hold(budget, buffer);
    }
    if (is_waiting(budget) || !has_share(budget, bytes))
        return NULL;
    struct buffer *buffer = buffer_get(budget->pool, bytes);
    if (!buffer) {
        budget->waiter.bytes = bytes;
        buffer_wait(budget->pool, &budget->waiter);
    }
    return hold(budget, buffer);
}

struct buffer *nsrv_budget_try(struct nsrv_budget *budget, uint32_t bytes)
{
    if (budget->granted || is_waiting(budget) || !has_share(budget, bytes))
        return NULL;
    return hold(budget, buffer_get(budget->pool, bytes));
}

void nsrv_budget_give(struct nsrv_budget *budget, struct buffer *buffer)
{
    if (!buffer)
        return;
    assert(budget->held_bytes >= buffer->capacity);
    budget->held_bytes -= buffer->capacity;
    buffer_unref(buffer);
}
