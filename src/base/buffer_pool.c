/*
 * The buddy allocator under the payload buffers.
 *
 * The arena is cut into blocks of BUFFER_BYTES_MAX; each can be halved down to BUFFER_BYTES_MIN,
 * and two free halves ("buddies") melt together again when the second one is freed. Every page
 * of BUFFER_BYTES_MIN has a record outside of the arena; the record of a buffer's first page
 * describes the buffer. Free memory itself is never touched.
 *
 * What can go wrong: memory is short. Then callers queue as waiters, served strictly in order,
 * so that a large request is not starved by small ones; and the volume is told (pressure), which
 * makes it synchronise the target and so give retained writes back.
 */
#include "base/buffer_pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LARGE_PAGE_BYTES (2u * 1024 * 1024)
#define ORDERS           9 /* 4 KiB << 8 = 1 MiB */
_Static_assert(BUFFER_BYTES_MIN << (ORDERS - 1) == BUFFER_BYTES_MAX, "orders span min to max");
_Static_assert(LARGE_PAGE_BYTES % BUFFER_BYTES_MAX == 0, "the arena is aligned for buffers, too");

struct page {
    struct buffer buffer;       /* valid in the first page of a buffer in use */
    struct list_node free_node; /* linked in free[order] while the block is free */
    uint8_t order;
    bool is_free; /* first page of a free block */
};

struct buffer_pool {
    uint8_t *arena;
    size_t arena_bytes;
    size_t used_bytes;
    size_t page_count;
    struct list_node free[ORDERS];
    struct list_node waiters;
    bool waking;
    void (*pressure)(void *owner);
    void *pressure_owner;
    struct page pages[];
};

static uint32_t order_bytes(unsigned order)
{
    return BUFFER_BYTES_MIN << order;
}

static unsigned order_for(uint32_t bytes)
{
    unsigned order = 0;
    while (order_bytes(order) < bytes)
        order++;
    return order;
}

uint32_t buffer_capacity_for(uint32_t bytes)
{
    assert(bytes > 0 && bytes <= BUFFER_BYTES_MAX);
    return order_bytes(order_for(bytes));
}

static void block_set_free(struct buffer_pool *pool, size_t page, unsigned order)
{
    pool->pages[page].order = (uint8_t)order;
    pool->pages[page].is_free = true;
    list_prepend(&pool->free[order], &pool->pages[page].free_node);
}

static void block_unset_free(struct page *page)
{
    page->is_free = false;
    list_remove(&page->free_node);
}

/* Aligned for large pages: every page that a system call, a device or a checksum goes through
 * costs it something. Where the kernel has none to give, it is as it was. */
static uint8_t *map_arena(size_t bytes)
{
    uint8_t *map = mmap(NULL, bytes + LARGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    size_t skip = (size_t)(-(uintptr_t)map % LARGE_PAGE_BYTES);
    if (skip > 0)
        munmap(map, skip);
    munmap(map + skip + bytes, LARGE_PAGE_BYTES - skip);
    madvise(map + skip, bytes, MADV_HUGEPAGE);
    return map + skip;
}

struct buffer_pool *buffer_pool_new(size_t arena_bytes)
{
    assert(arena_bytes > 0 && arena_bytes % BUFFER_BYTES_MAX == 0);
    size_t page_count = arena_bytes / BUFFER_BYTES_MIN;
    struct buffer_pool *pool = calloc(1, sizeof *pool + page_count * sizeof pool->pages[0]);
    if (!pool)
        return NULL;
    pool->arena = map_arena(arena_bytes);
    if (!pool->arena) {
        free(pool);
        return NULL;
    }
    pool->arena_bytes = arena_bytes;
    pool->page_count = page_count;
    list_init(&pool->waiters);
    for (unsigned order = 0; order < ORDERS; order++)
        list_init(&pool->free[order]);
    for (size_t page = 0; page < page_count; page++)
        list_init(&pool->pages[page].free_node);
    for (size_t page = page_count; page > 0; page -= BUFFER_BYTES_MAX / BUFFER_BYTES_MIN)
        block_set_free(pool, page - BUFFER_BYTES_MAX / BUFFER_BYTES_MIN, ORDERS - 1);
    return pool;
}

void buffer_pool_free(struct buffer_pool *pool)
{
    if (!pool)
        return;
    munmap(pool->arena, pool->arena_bytes);
    free(pool);
}

/* Halves a larger free block until one of `order` is there; NULL when there is none to halve. */
static struct page *take_block(struct buffer_pool *pool, unsigned order)
{
    unsigned from = order;
    while (from < ORDERS && list_is_empty(&pool->free[from]))
        from++;
    if (from == ORDERS)
        return NULL;
    struct page *page = list_first(&pool->free[from], struct page, free_node);
    size_t index = (size_t)(page - pool->pages);
    block_unset_free(page);
    while (from > order) {
        from--;
        block_set_free(pool, index + ((size_t)1 << from), from);
    }
    page->order = (uint8_t)order;
    return page;
}

struct buffer *buffer_get_now(struct buffer_pool *pool, uint32_t bytes)
{
    assert(bytes > 0 && bytes <= BUFFER_BYTES_MAX);
    struct page *page = take_block(pool, order_for(bytes));
    if (!page)
        return NULL;
    size_t index = (size_t)(page - pool->pages);
    page->buffer = (struct buffer){
        .data = pool->arena + index * BUFFER_BYTES_MIN,
        .capacity = order_bytes(page->order),
        .references = 1,
        .pool = pool,
    };
    pool->used_bytes += page->buffer.capacity;
    return &page->buffer;
}

struct buffer *buffer_get(struct buffer_pool *pool, uint32_t bytes)
{
    if (!list_is_empty(&pool->waiters))
        return NULL;
    return buffer_get_now(pool, bytes);
}

struct buffer *buffer_ref(struct buffer *buffer)
{
    assert(buffer->references > 0);
    buffer->references++;
    return buffer;
}

static bool block_is_available(const struct buffer_pool *pool, uint32_t bytes)
{
    for (unsigned order = order_for(bytes); order < ORDERS; order++)
        if (!list_is_empty(&pool->free[order]))
            return true;
    return false;
}

static void wake_waiters(struct buffer_pool *pool)
{
    if (pool->waking)
        return;
    pool->waking = true;
    while (!list_is_empty(&pool->waiters)) {
        struct buffer_waiter *first = list_first(&pool->waiters, struct buffer_waiter, node);
        if (!block_is_available(pool, first->bytes))
            break;
        list_remove(&first->node);
        first->available(first);
    }
    pool->waking = false;
}

static void melt_and_free(struct buffer_pool *pool, size_t index, unsigned order)
{
    while (order < ORDERS - 1) {
        struct page *buddy = &pool->pages[index ^ ((size_t)1 << order)];
        if (!buddy->is_free || buddy->order != order)
            break;
        block_unset_free(buddy);
        index &= ~((size_t)1 << order);
        order++;
    }
    block_set_free(pool, index, order);
}

void buffer_unref(struct buffer *buffer)
{
    if (!buffer)
        return;
    assert(buffer->references > 0);
    if (--buffer->references > 0)
        return;
    struct buffer_pool *pool = buffer->pool;
    struct page *page = container_of(buffer, struct page, buffer);
    pool->used_bytes -= buffer->capacity;
    melt_and_free(pool, (size_t)(page - pool->pages), page->order);
    wake_waiters(pool);
}

void buffer_wait(struct buffer_pool *pool, struct buffer_waiter *waiter)
{
    assert(waiter->bytes > 0 && waiter->bytes <= BUFFER_BYTES_MAX);
    waiter->pool = pool;
    list_append(&pool->waiters, &waiter->node);
    if (pool->pressure)
        pool->pressure(pool->pressure_owner);
}

void buffer_wait_cancel(struct buffer_waiter *waiter)
{
    if (list_is_empty(&waiter->node))
        return;
    list_remove(&waiter->node);
    wake_waiters(waiter->pool);
}

size_t buffer_pool_bytes(const struct buffer_pool *pool)
{
    return pool->arena_bytes;
}

size_t buffer_pool_used(const struct buffer_pool *pool)
{
    return pool->used_bytes;
}

bool buffer_pool_has_waiters(const struct buffer_pool *pool)
{
    return !list_is_empty(&pool->waiters);
}

void buffer_pool_on_pressure(struct buffer_pool *pool, void (*pressure)(void *owner), void *owner)
{
    pool->pressure = pressure;
    pool->pressure_owner = owner;
}
