/*
 * Payload memory: one arena, mapped (and locked, when the daemon locks its memory) at the start,
 * handed out in power-of-two pieces by a buddy allocator. Nothing on the write path calls
 * malloc(): the daemon may be what the kernel's memory reclaim waits for.
 *
 * Buffers are reference-counted, because a write that was acknowledged stays in memory until a
 * SYNCHRONIZE CACHE covers it, long after the front end has let go of it. One thread only.
 */
#ifndef BASE_BUFFER_POOL_H
#define BASE_BUFFER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

#define BUFFER_BYTES_MIN 4096u
#define BUFFER_BYTES_MAX (1024u * 1024u)

struct buffer_pool;

struct buffer {
    uint8_t *data;     /* aligned to its own size, so at least to 4096 */
    uint32_t capacity; /* bytes, a power of two */
    uint32_t references;
    struct buffer_pool *pool;
};

/* Somebody who waits for memory. Woken once, in the order of waiting, when `bytes` are free. */
struct buffer_waiter {
    struct list_node node;
    uint32_t bytes;
    struct buffer_pool *pool; /* set by buffer_wait() */
    /* The waiter was unlinked before the call; it may take buffers and wait again. */
    void (*available)(struct buffer_waiter *waiter);
};

/* arena_bytes: a multiple of BUFFER_BYTES_MAX. Returns NULL when memory is short. */
struct buffer_pool *buffer_pool_new(size_t arena_bytes);

/* NULL-safe. All buffers must have been given back. */
void buffer_pool_free(struct buffer_pool *pool);

/* The capacity of a buffer for `bytes` (1 .. BUFFER_BYTES_MAX). */
uint32_t buffer_capacity_for(uint32_t bytes);

/*
 * A buffer of at least `bytes` (1 .. BUFFER_BYTES_MAX) with one reference, contents undefined.
 * NULL when none is free now, and also while others wait already (first come, first served).
 */
struct buffer *buffer_get(struct buffer_pool *pool, uint32_t bytes);

/* As buffer_get(), for a waiter that was just woken: does not stand in the queue again. */
struct buffer *buffer_get_now(struct buffer_pool *pool, uint32_t bytes);

struct buffer *buffer_ref(struct buffer *buffer);

/* Gives one reference back; the last one frees the buffer (and may wake waiters). NULL-safe. */
void buffer_unref(struct buffer *buffer);

/* Queues the waiter; waiter->bytes and ->available are set by the caller. */
void buffer_wait(struct buffer_pool *pool, struct buffer_waiter *waiter);

/* Leaves the queue, which may wake those behind; no effect when not queued (the node must be
 * initialised). */
void buffer_wait_cancel(struct buffer_waiter *waiter);

size_t buffer_pool_bytes(const struct buffer_pool *pool);
size_t buffer_pool_used(const struct buffer_pool *pool);
bool buffer_pool_has_waiters(const struct buffer_pool *pool);

/* Called (from buffer_wait) when somebody has to wait: the volume then synchronises early. */
void buffer_pool_on_pressure(struct buffer_pool *pool, void (*pressure)(void *owner), void *owner);

#endif
