#include "volume/retained.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

static struct retained_extent *of(struct extent *extent)
{
    return extent ? container_of(extent, struct retained_extent, extent) : NULL;
}

int retained_init(struct retained *retained, size_t extent_count)
{
    *retained = (struct retained){.free_count = extent_count};
    extent_map_init(&retained->map);
    list_init(&retained->free);
    for (unsigned state = 0; state < RETAINED_STATES; state++)
        list_init(&retained->state[state]);
    retained->slab = calloc(extent_count, sizeof retained->slab[0]);
    if (!retained->slab)
        return -ENOMEM;
    for (size_t i = 0; i < extent_count; i++)
        list_append(&retained->free, &retained->slab[i].node);
    return 0;
}

void retained_done(struct retained *retained)
{
    free(retained->slab);
    retained->slab = NULL;
}

/* Counts `blocks` of the extent in (+1) or out (-1). */
static void account(struct retained *retained, const struct retained_extent *extent,
                    uint64_t blocks, int sign)
{
    uint64_t change = sign > 0 ? blocks : -blocks;
    if (extent->buffer)
        retained->data_blocks += change;
    if (extent->state != RETAINED_DESTAGED)
        retained->dirty_blocks += change;
}

static void set_state(struct retained *retained, struct retained_extent *extent,
                      enum retained_state state)
{
    account(retained, extent, extent->extent.length, -1);
    extent->state = state;
    account(retained, extent, extent->extent.length, 1);
    list_remove(&extent->node);
    list_append(&retained->state[state], &extent->node);
}

static struct retained_extent *extent_new(struct retained *retained)
{
    struct retained_extent *extent = list_first(&retained->free, struct retained_extent, node);
    assert(extent);
    list_remove(&extent->node);
    retained->free_count--;
    return extent;
}

static void extent_free(struct retained *retained, struct retained_extent *extent)
{
    account(retained, extent, extent->extent.length, -1);
    extent_map_remove(&retained->map, &extent->extent);
    list_remove(&extent->node);
    list_append(&retained->free, &extent->node);
    retained->free_count++;
    buffer_unref(extent->buffer);
    extent->buffer = NULL;
}

/* The tail of `extent` from `lba` on becomes an extent of its own, in the same state and time. */
static void split_at(struct retained *retained, struct retained_extent *extent, uint64_t lba)
{
    struct retained_extent *tail = extent_new(retained);
    uint64_t head_blocks = lba - extent->extent.start;
    tail->state = extent->state;
    tail->time = extent->time;
    tail->buffer = extent->buffer ? buffer_ref(extent->buffer) : NULL;
    tail->buffer_offset = extent->buffer_offset + (uint32_t)(head_blocks * retained->block_bytes);
    tail->extent.start = lba;
    tail->extent.length = extent->extent.length - head_blocks;
    extent->extent.length = head_blocks;
    extent_map_insert(&retained->map, &tail->extent);
    list_insert_before(extent->node.next, &tail->node);
}

void retained_drop(struct retained *retained, uint64_t lba, uint64_t blocks)
{
    uint64_t end = lba + blocks;
    struct retained_extent *it;
    while ((it = of(extent_map_overlap(&retained->map, lba, blocks)))) {
        if (it->extent.start < lba) {
            split_at(retained, it, lba);
            continue;
        }
        if (extent_end(&it->extent) > end)
            split_at(retained, it, end);
        extent_free(retained, it);
    }
}

void retained_put(struct retained *retained, uint64_t lba, uint64_t blocks, struct buffer *buffer,
                  uint32_t buffer_offset, bool dirty)
{
    assert(blocks > 0 && retained->block_bytes > 0);
    retained_drop(retained, lba, blocks);

    struct retained_extent *extent = extent_new(retained);
    extent->extent = (struct extent){.start = lba, .length = blocks};
    extent->buffer = buffer ? buffer_ref(buffer) : NULL;
    extent->buffer_offset = buffer_offset;
    extent->state = dirty ? RETAINED_DIRTY : RETAINED_DESTAGED;
    extent->time = ++retained->clock;
    extent_map_insert(&retained->map, &extent->extent);
    list_append(&retained->state[extent->state], &extent->node);
    account(retained, extent, blocks, 1);
}

void retained_revert(struct retained *retained)
{
    struct list_node *destaged = &retained->state[RETAINED_DESTAGED];
    while (!list_is_empty(destaged))
        set_state(retained, list_first(destaged, struct retained_extent, node), RETAINED_DIRTY);
}

uint64_t retained_now(const struct retained *retained)
{
    return retained->clock;
}

void retained_synced(struct retained *retained, uint64_t time)
{
    struct list_node *destaged = &retained->state[RETAINED_DESTAGED];
    struct retained_extent *oldest;
    while ((oldest = list_first(destaged, struct retained_extent, node)) && oldest->time <= time)
        extent_free(retained, oldest);
}

struct retained_extent *retained_take_dirty(struct retained *retained)
{
    struct retained_extent *extent =
        list_first(&retained->state[RETAINED_DIRTY], struct retained_extent, node);
    if (extent)
        set_state(retained, extent, RETAINED_REWRITING);
    return extent;
}

struct retained_extent *retained_rewriting_in(struct retained *retained, uint64_t lba,
                                              uint64_t blocks)
{
    uint64_t end = lba + blocks;
    struct retained_extent *it;
    for (; lba < end && (it = of(extent_map_overlap(&retained->map, lba, end - lba)));
         lba = extent_end(&it->extent)) {
        /* A larger extent, written since, is beyond what the caller holds in the gate. */
        bool inside = it->extent.start >= lba && extent_end(&it->extent) <= end;
        if (it->state == RETAINED_DESTAGED || !inside)
            continue;
        if (it->state == RETAINED_DIRTY)
            set_state(retained, it, RETAINED_REWRITING);
        return it;
    }
    return NULL;
}

void retained_rewritten(struct retained *retained, struct retained_extent *extent)
{
    assert(extent->state == RETAINED_REWRITING);
    extent->time = ++retained->clock;
    set_state(retained, extent, RETAINED_DESTAGED);
}

void retained_not_rewritten(struct retained *retained, uint64_t lba, uint64_t blocks)
{
    uint64_t end = lba + blocks;
    struct retained_extent *it;
    for (; lba < end && (it = of(extent_map_overlap(&retained->map, lba, end - lba)));
         lba = extent_end(&it->extent))
        if (it->state == RETAINED_REWRITING)
            set_state(retained, it, RETAINED_DIRTY);
}

bool retained_covers(const struct retained *retained, uint64_t lba, uint64_t blocks)
{
    uint64_t end = lba + blocks;
    while (lba < end) {
        const struct extent *extent = extent_map_find(&retained->map, lba);
        if (!extent || extent->start > lba)
            return false;
        lba = extent_end(extent);
    }
    return true;
}

void retained_patch(const struct retained *retained, uint64_t lba, uint64_t blocks, uint8_t *data)
{
    uint64_t end = lba + blocks;
    const struct retained_extent *it;
    for (uint64_t at = lba; at < end && (it = of(extent_map_overlap(&retained->map, at, end - at)));
         at = extent_end(&it->extent)) {
        uint64_t from = max_u64(at, it->extent.start);
        uint64_t to = min_u64(end, extent_end(&it->extent));
        uint8_t *target = data + (from - lba) * retained->block_bytes;
        size_t bytes = (to - from) * retained->block_bytes;
        if (it->buffer)
            memcpy(target,
                   it->buffer->data + it->buffer_offset +
                       (from - it->extent.start) * retained->block_bytes,
                   bytes);
        else
            memset(target, 0, bytes);
    }
}
