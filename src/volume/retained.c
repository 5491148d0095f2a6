#include "volume/retained.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mutant.h"

static struct retained_extent *of(struct extent *extent)
{
    return extent ? container_of(extent, struct retained_extent, extent) : NULL;
}

int retained_init(struct retained *retained, size_t extent_count)
{
    *retained = (struct retained){.free_count = extent_count, .extent_count = extent_count};
    extent_map_init(&retained->map);
    list_init(&retained->free);
    list_init(&retained->cached);
    for (unsigned state = 0; state < RETAINED_STATES; state++)
        list_init(&retained->state[state]);
    retained->slab = calloc(extent_count, sizeof retained->slab[0]);
    if (!retained->slab)
        return -ENOMEM;
    for (size_t i = 0; i < extent_count; i++) {
        list_init(&retained->slab[i].cached);
        list_append(&retained->free, &retained->slab[i].node);
    }
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
    if (extent->content.buffer)
        retained->data_blocks += change;
    if (extent->state == RETAINED_DESTAGED)
        retained->destaged_blocks += change;
    else if (extent->state != RETAINED_POISONED)
        retained->dirty_blocks += change;
    if (extent->state == RETAINED_REWRITING)
        retained->rewriting_blocks += change;
}

static void change_state(struct retained *retained, struct retained_extent *extent,
                         enum retained_state state)
{
    account(retained, extent, extent->extent.length, -1);
    extent->state = state;
    account(retained, extent, extent->extent.length, 1);
    list_remove(&extent->node);
}

static void set_state(struct retained *retained, struct retained_extent *extent,
                      enum retained_state state)
{
    change_state(retained, extent, state);
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
    struct retained_content content = extent->content;
    account(retained, extent, extent->extent.length, -1);
    if (!extent->is_shadow)
        extent_map_remove(&retained->map, &extent->extent);
    extent->is_shadow = extent->goes_alone = false;
    list_remove(&extent->cached);
    list_remove(&extent->node);
    list_append(&retained->free, &extent->node);
    retained->free_count++;
    extent->content = (struct retained_content){0};
    buffer_unref(content.buffer);
    if (content.entry)
        jnl_entry_unref(retained->journal, content.entry);
}

/* In front of what was never sent: the dirty ones stay sorted by their epoch. */
static void set_dirty_again(struct retained *retained, struct retained_extent *extent)
{
    if (extent->is_shadow && !retained->ordered) { /* no order is kept any more: not needed */
        extent_free(retained, extent);
        return;
    }
    change_state(retained, extent, RETAINED_DIRTY);
    list_prepend(&retained->state[RETAINED_DIRTY], &extent->node);
}

/* The tail of `extent` from `lba` on becomes an extent of its own, in the same state and time. */
static void split_at(struct retained *retained, struct retained_extent *extent, uint64_t lba)
{
    struct retained_extent *tail = extent_new(retained);
    uint64_t head_blocks = lba - extent->extent.start;
    uint32_t head_bytes = (uint32_t)(head_blocks * retained->block_bytes);
    tail->state = extent->state;
    tail->goes_alone = extent->goes_alone;
    tail->time = extent->time;
    tail->content = extent->content;
    tail->content.buffer_offset += head_bytes;
    tail->content.entry_offset += head_bytes;
    if (tail->content.buffer)
        buffer_ref(tail->content.buffer);
    if (tail->content.entry)
        jnl_entry_ref(tail->content.entry);
    tail->extent.start = lba;
    tail->extent.length = extent->extent.length - head_blocks;
    extent->extent.length = head_blocks;
    extent_map_insert(&retained->map, &tail->extent);
    list_insert_before(extent->node.next, &tail->node);
    if (!list_is_empty(&extent->cached))
        list_insert_before(extent->cached.next, &tail->cached);
}

/* The target must have seen this version before it sees the newer one. */
static bool must_be_sent(const struct retained *retained, const struct retained_extent *extent,
                         const struct retained_content *newer)
{
    return retained->ordered && newer && extent->content.entry &&
           extent->content.kind != RETAINED_POISON && extent->content.epoch < newer->epoch &&
           !MUTANT(NO_EPOCH_ORDER);
}

static void supersede(struct retained *retained, struct retained_extent *extent,
                      const struct retained_content *newer)
{
    if (must_be_sent(retained, extent, newer)) {
        extent_map_remove(&retained->map, &extent->extent);
        extent->is_shadow = true;
        return;
    }
    if (newer && newer->entry && extent->content.entry)
        jnl_entry_superseded(extent->content.entry, newer->entry);
    extent_free(retained, extent);
}

/* Takes the range out; newer: what supersedes it, or NULL. */
static void cut_out(struct retained *retained, uint64_t lba, uint64_t blocks,
                    const struct retained_content *newer)
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
        supersede(retained, it, newer);
    }
}

void retained_drop(struct retained *retained, uint64_t lba, uint64_t blocks)
{
    cut_out(retained, lba, blocks, NULL);
}

void retained_put(struct retained *retained, uint64_t lba, uint64_t blocks,
                  const struct retained_content *content, bool dirty)
{
    assert(blocks > 0 && retained->block_bytes > 0);
    cut_out(retained, lba, blocks, content);

    struct retained_extent *extent = extent_new(retained);
    extent->extent = (struct extent){.start = lba, .length = blocks};
    extent->content = *content;
    if (content->buffer)
        buffer_ref(content->buffer);
    if (content->entry)
        jnl_entry_ref(content->entry);
    extent->state = dirty ? RETAINED_DIRTY : RETAINED_DESTAGED;
    extent->time = ++retained->clock;
    extent_map_insert(&retained->map, &extent->extent);
    list_append(&retained->state[extent->state], &extent->node);
    if (content->buffer && content->entry)
        list_append(&retained->cached, &extent->cached);
    account(retained, extent, blocks, 1);
}

void retained_revert(struct retained *retained)
{
    struct list_node *destaged = &retained->state[RETAINED_DESTAGED];
    while (!list_is_empty(destaged))
        set_dirty_again(retained, container_of(destaged->prev, struct retained_extent, node));
}

void retained_give_up_journal(struct retained *retained)
{
    retained->journal_failed = retained->journal_given_up = true;
    retained->ordered = MUTANT(SHADOWS_OUTLIVE_JOURNAL) && retained->ordered;
    list_for_each_safe(it, &retained->state[RETAINED_DIRTY])
    {
        struct retained_extent *extent = container_of(it, struct retained_extent, node);
        if (extent->is_shadow && !retained->ordered)
            extent_free(retained, extent);
    }
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

/* In order: something of epoch_sent is on its way, or not synchronised yet. */
static bool an_epoch_is_under_way(const struct retained *retained)
{
    return retained->ordered && retained->rewriting_blocks + retained->destaged_blocks > 0;
}

bool retained_epoch_is_sent(const struct retained *retained)
{
    const struct retained_extent *next =
        list_first(&retained->state[RETAINED_DIRTY], struct retained_extent, node);
    return an_epoch_is_under_way(retained) && next && retained->rewriting_blocks == 0 &&
           next->content.epoch != retained->epoch_sent;
}

/* A poisoned extent is never CLEAN: a start must find it again, rather than the order be kept. */
static bool epoch_may_begin(const struct retained *retained, uint64_t epoch)
{
    bool is_poisoned = !list_is_empty(&retained->state[RETAINED_POISONED]);
    return !retained->ordered || (is_poisoned && !MUTANT(EPOCH_MARK_HIDES_ROT)) ||
           jnl_epoch_may_begin(retained->journal, epoch);
}

static bool may_be_sent(const struct retained *retained, const struct retained_extent *extent)
{
    if (an_epoch_is_under_way(retained) && extent->content.epoch != retained->epoch_sent &&
        !MUTANT(NO_EPOCH_ORDER))
        return false;
    if (!extent->content.entry || retained->journal_given_up)
        return true;
    /* (Also when it has failed: a start after a loss of power would put older records over it.) */
    bool is_durable = jnl_entry_is_durable(retained->journal, extent->content.entry) ||
                      (retained->journal_failed && MUTANT(FAILED_IS_HARMLESS));
    return is_durable && epoch_may_begin(retained, extent->content.epoch);
}

/* What holds `lba`, if one command may bring it together with its neighbour. */
static struct retained_extent *neighbour_at(const struct retained *retained, uint64_t lba)
{
    struct retained_extent *extent = of(extent_map_overlap(&retained->map, lba, 1));
    bool fits = extent && extent->state == RETAINED_DIRTY && !extent->goes_alone &&
                extent->content.kind == RETAINED_DATA && may_be_sent(retained, extent);
    return fits ? extent : NULL;
}

static void take_neighbours(struct retained *retained, struct retained_job *job,
                            const struct retained_extent *oldest, uint64_t blocks_max)
{
    uint64_t from = oldest->extent.start, to = extent_end(&oldest->extent);
    struct retained_extent *it;
    while ((it = neighbour_at(retained, to)) && to - from + it->extent.length <= blocks_max) {
        change_state(retained, it, RETAINED_REWRITING);
        list_append(&job->extents, &it->node);
        to = extent_end(&it->extent);
    }
    while (from > 0 && (it = neighbour_at(retained, from - 1)) &&
           to - from + it->extent.length <= blocks_max) {
        change_state(retained, it, RETAINED_REWRITING);
        list_prepend(&job->extents, &it->node);
        from = it->extent.start;
    }
}

struct retained_extent *retained_take_dirty(struct retained *retained, struct retained_job *job,
                                            uint64_t blocks_max)
{
    struct retained_extent *oldest =
        list_first(&retained->state[RETAINED_DIRTY], struct retained_extent, node);
    assert(list_is_empty(&job->extents));
    if (!oldest || !may_be_sent(retained, oldest))
        return NULL;
    retained->epoch_sent = oldest->content.epoch;
    change_state(retained, oldest, RETAINED_REWRITING);
    list_append(&job->extents, &oldest->node);
    if (!oldest->is_shadow && !oldest->goes_alone && oldest->content.kind == RETAINED_DATA)
        take_neighbours(retained, job, oldest, blocks_max);
    return oldest;
}

struct retained_extent *retained_job_at(const struct retained_job *job, uint64_t lba)
{
    list_for_each(it, &job->extents)
    {
        struct retained_extent *extent = container_of(it, struct retained_extent, node);
        if (extent->extent.start == lba)
            return extent;
    }
    return NULL;
}

static bool is_in(const struct retained_extent *extent, uint64_t lba, uint64_t blocks)
{
    return ranges_overlap(extent->extent.start, extent->extent.length, lba, blocks);
}

void retained_rewritten(struct retained *retained, struct retained_job *job, uint64_t lba,
                        uint64_t blocks)
{
    list_for_each_safe(it, &job->extents)
    {
        struct retained_extent *extent = container_of(it, struct retained_extent, node);
        if (!is_in(extent, lba, blocks))
            continue;
        extent->time = ++retained->clock;
        set_state(retained, extent, RETAINED_DESTAGED);
    }
}

/* In order it goes before what was never sent; else others may be luckier meanwhile. */
void retained_not_rewritten(struct retained *retained, struct retained_job *job, uint64_t lba,
                            uint64_t blocks)
{
    list_for_each_safe(it, &job->extents)
    {
        struct retained_extent *extent = container_of(it, struct retained_extent, node);
        if (!is_in(extent, lba, blocks))
            continue;
        if (retained->ordered || extent->is_shadow)
            set_dirty_again(retained, extent);
        else
            set_state(retained, extent, RETAINED_DIRTY);
    }
}

void retained_refused(struct retained *retained, struct retained_job *job, uint64_t lba,
                      uint64_t blocks)
{
    bool in_company = job->extents.next != job->extents.prev;
    list_for_each(it, &job->extents)
    {
        struct retained_extent *extent = container_of(it, struct retained_extent, node);
        extent->goes_alone |= in_company;
    }
    retained_not_rewritten(retained, job, lba, blocks);
}

void retained_take_back(struct retained *retained, struct retained_job *job)
{
    list_for_each_safe(it, &job->extents)
        set_dirty_again(retained, container_of(it, struct retained_extent, node));
}

void retained_poison(struct retained *retained, struct retained_job *job, uint64_t lba,
                     uint64_t blocks)
{
    list_for_each_safe(it, &job->extents)
    {
        struct retained_extent *extent = container_of(it, struct retained_extent, node);
        if (!is_in(extent, lba, blocks))
            continue;
        /* Held, so that nobody reads older data instead; never sent; the ring keeps its place. So
         * it does for a shadow: the version over it may not be DURABLE yet, and were the epoch
         * marked as done, a loss of power would leave neither, and nobody would say so. */
        extent->content.kind = RETAINED_POISON;
        set_state(retained, extent, RETAINED_POISONED);
    }
}

bool retained_has_lost(const struct retained *retained, uint64_t lba, uint64_t blocks)
{
    list_for_each(it, &retained->state[RETAINED_POISONED])
    {
        const struct retained_extent *extent = container_of(it, struct retained_extent, node);
        if (!extent->is_shadow && is_in(extent, lba, blocks))
            return true;
    }
    return false;
}

void retained_evict(struct retained *retained, uint64_t data_blocks)
{
    list_for_each_safe(it, &retained->cached)
    {
        struct retained_extent *extent = container_of(it, struct retained_extent, cached);
        if (retained->data_blocks <= data_blocks || retained->journal_failed ||
            !jnl_entry_is_durable(retained->journal, extent->content.entry))
            return;
        account(retained, extent, extent->extent.length, -1);
        struct buffer *buffer = extent->content.buffer;
        extent->content.buffer = NULL;
        account(retained, extent, extent->extent.length, 1);
        list_remove(&extent->cached);
        buffer_unref(buffer);
    }
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

const struct retained_extent *retained_find(const struct retained *retained, uint64_t lba)
{
    return of(extent_map_find(&retained->map, lba));
}

void retained_copy(const struct retained *retained, const struct retained_extent *extent,
                   uint64_t lba, uint64_t blocks, uint8_t *data)
{
    const struct retained_content *content = &extent->content;
    size_t bytes = blocks * retained->block_bytes;
    size_t skip = (lba - extent->extent.start) * retained->block_bytes;
    assert(retained_is_in_memory(extent));
    if (content->kind == RETAINED_DATA)
        memcpy(data, content->buffer->data + content->buffer_offset + skip, bytes);
    else
        memset(data, 0, bytes);
}

void retained_patch(const struct retained *retained, uint64_t lba, uint64_t blocks, uint8_t *data)
{
    uint64_t end = lba + blocks;
    const struct retained_extent *it;
    for (uint64_t at = lba; at < end && (it = of(extent_map_overlap(&retained->map, at, end - at)));
         at = extent_end(&it->extent)) {
        uint64_t from = max_u64(at, it->extent.start);
        uint64_t to = min_u64(end, extent_end(&it->extent));
        retained_copy(retained, it, from, to - from, data + (from - lba) * retained->block_bytes);
    }
}
