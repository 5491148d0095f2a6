/*
 * What the target acknowledged and may still lose: written data (and zeroed ranges) are kept here
 * from the target's GOOD until a SYNCHRONIZE CACHE covers them (JOURNAL.md 2.5, invariant I4).
 *
 * Good day: retained_put() after the target's GOOD makes an extent DESTAGED, stamped with the
 * next tick of a clock; a SYNC that was submitted at tick t and succeeded in the same nexus
 * generation frees all DESTAGED extents stamped <= t. Newest wins: putting or dropping a range
 * trims or splits what was there.
 *
 * When the generation changes (session lost, unit attention 29h, ...) all DESTAGED extents
 * become DIRTY: the target may have lost them. Each is then written again: DIRTY -> REWRITING
 * -> DESTAGED. Dirty extents stay readable from here.
 *
 * The free rule is sound for one nexus with one connection only: responses then are processed in
 * the order of arrival, so a unit attention that arrives before the SYNC's GOOD voids the SYNC.
 *
 * All extents come from a slab made at the start. Units: logical blocks.
 */
#ifndef VOLUME_RETAINED_H
#define VOLUME_RETAINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer_pool.h"
#include "base/extent_map.h"
#include "base/list.h"

enum retained_state { RETAINED_DESTAGED, RETAINED_DIRTY, RETAINED_REWRITING, RETAINED_STATES };

struct retained_extent {
    struct extent extent;
    struct list_node node; /* in the list of its state; DESTAGED: by time */
    enum retained_state state;
    uint64_t time;         /* tick of the GOOD that made it DESTAGED */
    struct buffer *buffer; /* one reference; NULL: zeros */
    uint32_t buffer_offset;
};

struct retained {
    struct extent_map map;
    struct list_node state[RETAINED_STATES];
    struct list_node free;
    size_t free_count;
    uint64_t clock;
    uint64_t data_blocks;  /* held as payload; zeroed ranges cost no memory */
    uint64_t dirty_blocks; /* DIRTY and REWRITING, zeroed ones too */
    uint32_t block_bytes;
    struct retained_extent *slab;
};

/* Returns 0 or -ENOMEM. block_bytes may be set later, before the first put. */
int retained_init(struct retained *retained, size_t extent_count);

/* The buffers are not given back: they end with their pool, and nobody must be woken now. */
void retained_done(struct retained *retained);

/* How many extents one put or drop may need at the most. */
#define RETAINED_EXTENTS_PER_PUT 2

/*
 * The range now holds `buffer` from buffer_offset on (NULL: zeros); takes a reference. dirty:
 * the generation changed meanwhile, so it must be written again. Needs free extents.
 */
void retained_put(struct retained *retained, uint64_t lba, uint64_t blocks, struct buffer *buffer,
                  uint32_t buffer_offset, bool dirty);

/* The range is stable, or its contents do not matter any more. May need one free extent. */
void retained_drop(struct retained *retained, uint64_t lba, uint64_t blocks);

/* The generation changed: every DESTAGED extent becomes DIRTY. */
void retained_revert(struct retained *retained);

/* The tick that a SYNC submitted now covers. */
uint64_t retained_now(const struct retained *retained);

/* A SYNC submitted at tick `time` succeeded with the generation unchanged: frees what it covers. */
void retained_synced(struct retained *retained, uint64_t time);

/* Takes the oldest DIRTY extent for writing again (-> REWRITING); NULL when there is none. */
struct retained_extent *retained_take_dirty(struct retained *retained);

/* The lowest extent in the range that is not DESTAGED (DIRTY ones become REWRITING). */
struct retained_extent *retained_rewriting_in(struct retained *retained, uint64_t lba,
                                              uint64_t blocks);

/* Written again, GOOD in the present generation: REWRITING -> DESTAGED. */
void retained_rewritten(struct retained *retained, struct retained_extent *extent);

/* The range could not be written again: REWRITING -> DIRTY, at the end of the queue. */
void retained_not_rewritten(struct retained *retained, uint64_t lba, uint64_t blocks);

/* True when the whole range is held here. */
bool retained_covers(const struct retained *retained, uint64_t lba, uint64_t blocks);

/* Copies what is held of the range over data[0 .. blocks * block_bytes). */
void retained_patch(const struct retained *retained, uint64_t lba, uint64_t blocks, uint8_t *data);

static inline bool retained_is_empty(const struct retained *retained)
{
    return retained->map.count == 0;
}

static inline bool retained_has_dirty(const struct retained *retained)
{
    return retained->dirty_blocks > 0;
}

#endif
