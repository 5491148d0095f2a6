#include "journal/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mutant.h"

/* Kept free for pads, and so that a full ring never looks like an empty one. */
#define RESERVE_SHIFT 6 /* 1/64 */

static uint64_t record_bytes(const struct jnl_record *record)
{
    return (uint64_t)record->blocks * JNL_BLOCK;
}

int jnl_ring_init(struct jnl_ring *ring, uint64_t bytes, size_t record_count,
                  const struct jnl_tail *tail)
{
    assert(bytes % JNL_BLOCK == 0 && tail->offset < bytes);
    *ring = (struct jnl_ring){
        .bytes = bytes,
        .head = tail->offset,
        .next_seq = tail->seq,
        .head_prev_crc = tail->prev_crc,
        .free_count = record_count,
    };
    list_init(&ring->records);
    list_init(&ring->passed);
    list_init(&ring->free);
    ring->slab = calloc(record_count, sizeof ring->slab[0]);
    if (!ring->slab)
        return -ENOMEM;
    for (size_t i = 0; i < record_count; i++)
        list_append(&ring->free, &ring->slab[i].node);
    return 0;
}

void jnl_ring_done(struct jnl_ring *ring)
{
    free(ring->slab);
    ring->slab = NULL;
}

uint32_t jnl_ring_blocks_to_end(const struct jnl_ring *ring)
{
    return (uint32_t)((ring->bytes - ring->head) / JNL_BLOCK);
}

uint64_t jnl_ring_free_bytes(const struct jnl_ring *ring)
{
    uint64_t reserve = (ring->bytes >> RESERVE_SHIFT) + 2 * JNL_BLOCK;
    return ring->used + reserve < ring->bytes ? ring->bytes - ring->used - reserve : 0;
}

struct jnl_record *jnl_ring_place(struct jnl_ring *ring, uint32_t blocks)
{
    struct jnl_record *record = list_first(&ring->free, struct jnl_record, node);
    assert(record && blocks > 0 && blocks <= jnl_ring_blocks_to_end(ring));
    *record = (struct jnl_record){
        .node = record->node,
        .seq = ring->next_seq++,
        .offset = ring->head,
        .blocks = blocks,
        .prev_crc = ring->head_prev_crc,
    };
    list_remove(&record->node);
    list_append(&ring->records, &record->node);
    ring->free_count--;
    ring->head = (ring->head + record_bytes(record)) % ring->bytes;
    ring->used += record_bytes(record);
    assert(ring->used <= ring->bytes);
    return record;
}

void jnl_ring_seal(struct jnl_ring *ring, struct jnl_record *record, uint32_t crc)
{
    assert(record->seq + 1 == ring->next_seq);
    record->crc = crc;
    ring->head_prev_crc = crc;
}

void jnl_ring_add_entry(struct jnl_ring *ring, struct jnl_record *record)
{
    record->entries++;
    record->live++;
    ring->entries++;
}

bool jnl_ring_advance(struct jnl_ring *ring, uint64_t durable_seq)
{
    bool moved = false;
    for (;;) {
        struct jnl_record *record = list_first(&ring->records, struct jnl_record, node);
        if ((ring->held && !MUTANT(HOLD_IS_FORGOTTEN)) || !record || !record->written ||
            record->seq > durable_seq || record->live > 0 ||
            (record->dead_until > durable_seq && !MUTANT(DEAD_BEFORE_SUPERSEDER_IS_DURABLE)))
            return moved;
        list_remove(&record->node);
        list_append(&ring->passed, &record->node);
        ring->passed_bytes += record_bytes(record);
        moved = true;
        if (MUTANT(REUSE_BEFORE_TAIL_IS_STABLE))
            jnl_ring_tail_is_stable(ring, record->seq + 1);
    }
}

void jnl_ring_tail(const struct jnl_ring *ring, struct jnl_tail *ret_tail)
{
    const struct jnl_record *first = list_first(&ring->records, struct jnl_record, node);
    *ret_tail = first ? (struct jnl_tail){first->offset, first->seq, first->prev_crc}
                      : (struct jnl_tail){ring->head, ring->next_seq, ring->head_prev_crc};
}

void jnl_ring_tail_is_stable(struct jnl_ring *ring, uint64_t seq)
{
    struct jnl_record *record;
    while ((record = list_first(&ring->passed, struct jnl_record, node)) && record->seq < seq) {
        ring->used -= record_bytes(record);
        ring->passed_bytes -= record_bytes(record);
        ring->entries -= record->entries;
        list_remove(&record->node);
        list_append(&ring->free, &record->node);
        ring->free_count++;
    }
}
