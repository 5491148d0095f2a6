/*
 * The overlay: what is newer here than on the target for good.
 *
 * Without a journal that is what the target acknowledged and may still lose: written data (and
 * zeroed ranges) are kept from the target's GOOD until a SYNCHRONIZE CACHE covers them (JOURNAL.md
 * 2.5, invariant I4). With a journal it is everything that is in the journal and not CLEAN yet:
 * extents then begin DIRTY, and each holds a reference on its journal entry, from which the data
 * can be read again when they are dropped from memory.
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
#include "journal/journal.h"

enum retained_state {
    RETAINED_DESTAGED,
    RETAINED_DIRTY,
    RETAINED_REWRITING,
    RETAINED_POISONED,
    RETAINED_STATES,
};

enum retained_kind {
    RETAINED_DATA,
    RETAINED_ZERO,
    RETAINED_TRIM,   /* reads as zeros until the target was told */
    RETAINED_POISON, /* the journal lost it: reads fail, and it is never sent */
};

/* What a range holds. */
struct retained_content {
    struct buffer *buffer;   /* RETAINED_DATA: payload; NULL: only in the journal's ring */
    struct jnl_entry *entry; /* NULL without a journal */
    uint64_t epoch;          /* grows with every FLUSH, and around every FUA */
    uint32_t buffer_offset;
    uint32_t entry_offset; /* of the first byte, in the entry's payload */
    uint32_t since_ds;     /* when it was acknowledged: tenths of a second, modulo 2^32 */
    uint8_t kind;          /* enum retained_kind */
};

struct retained_extent {
    struct extent extent;
    struct list_node node;   /* in the list of its state; DESTAGED: by time */
    struct list_node cached; /* in retained.cached when it could be dropped from memory */
    enum retained_state state;
    bool is_shadow;  /* superseded, out of the map, but to be sent first (ordered) */
    bool goes_alone; /* was refused together with others, which may be innocent */
    uint64_t time;   /* tick of the GOOD that made it DESTAGED */
    struct retained_content content; /* with one reference on its buffer and its entry */
};
/* A ring of 1 GiB has half a million. */
_Static_assert(sizeof(struct retained_extent) <= 128, "an extent is two cache lines");

/* What one command may bring to the target: REWRITING extents, by LBA. What is superseded leaves
 * it. */
struct retained_job {
    struct list_node extents;
};

struct retained {
    struct extent_map map;
    struct list_node state[RETAINED_STATES];
    struct list_node free;
    size_t free_count;
    uint64_t clock;
    uint64_t data_blocks;  /* held as payload; zeroed ranges cost no memory */
    uint64_t dirty_blocks; /* DIRTY and REWRITING, zeroed ones too */
    uint64_t destaged_blocks;
    uint64_t rewriting_blocks;
    uint64_t epoch_sent;     /* of what is REWRITING or DESTAGED, in order */
    struct journal *journal; /* NULL: none */
    /* Destage epoch by epoch (I11): a version that a later epoch supersedes is kept, as a shadow,
     * until it was on the target; then the target is always a prefix of what was acknowledged. */
    bool ordered;
    size_t extent_count;   /* in the slab */
    bool journal_failed;   /* it makes nothing durable any more */
    bool journal_given_up; /* ... and no later start replays it: no need to wait for it */
    struct list_node cached;
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
 * The range now holds `content`; takes references of its own. dirty: it still has to be sent (or
 * sent again, when the generation changed meanwhile). Needs free extents.
 */
void retained_put(struct retained *retained, uint64_t lba, uint64_t blocks,
                  const struct retained_content *content, bool dirty);

/* The range is stable, or its contents do not matter any more. May need one free extent. */
void retained_drop(struct retained *retained, uint64_t lba, uint64_t blocks);

/* The generation changed: every DESTAGED extent becomes DIRTY. */
void retained_revert(struct retained *retained);

/* The failed journal is of no use to a later start: from now on nothing waits for it, and no order
 * is kept: clients' writes go straight to the target, and a version that was superseded before must
 * not be sent behind them (I10). */
void retained_give_up_journal(struct retained *retained);

/* The tick that a SYNC submitted now covers. */
uint64_t retained_now(const struct retained *retained);

/* A SYNC submitted at tick `time` succeeded with the generation unchanged: frees what it covers. */
void retained_synced(struct retained *retained, uint64_t time);

/*
 * Takes the oldest DIRTY extent that may be sent (I3) into the empty `job` (-> REWRITING), and with
 * it what borders on it and may be sent too, as long as all are payload and together at most
 * blocks_max. NULL: there is none. Returns the oldest.
 */
struct retained_extent *retained_take_dirty(struct retained *retained, struct retained_job *job,
                                            uint64_t blocks_max);

/* The lowest one that is left of the job, or NULL. */
static inline struct retained_extent *retained_job_first(const struct retained_job *job)
{
    return list_first(&job->extents, struct retained_extent, node);
}

/* The job's extent that begins at `lba`, or NULL. */
struct retained_extent *retained_job_at(const struct retained_job *job, uint64_t lba);

/* What is left of the job in the range was written, GOOD in the present generation: -> DESTAGED. */
void retained_rewritten(struct retained *retained, struct retained_job *job, uint64_t lba,
                        uint64_t blocks);

/* ... could not be written: -> DIRTY. */
void retained_not_rewritten(struct retained *retained, struct retained_job *job, uint64_t lba,
                            uint64_t blocks);

/* ... was refused for good: -> DIRTY, and not together with others any more. */
void retained_refused(struct retained *retained, struct retained_job *job, uint64_t lba,
                      uint64_t blocks);

/* Nothing of the job is sent after all: -> DIRTY, to be the next again. */
void retained_take_back(struct retained *retained, struct retained_job *job);

/* ... is lost: nobody gets wrong bytes instead. */
void retained_poison(struct retained *retained, struct retained_job *job, uint64_t lba,
                     uint64_t blocks);

/* True when something in the range is lost for good, unless it is written again. */
bool retained_has_lost(const struct retained *retained, uint64_t lba, uint64_t blocks);

/* Drops payload that the journal holds durably from memory, oldest first, down to so much. */
void retained_evict(struct retained *retained, uint64_t data_blocks);

/* True when the whole range is held here. */
bool retained_covers(const struct retained *retained, uint64_t lba, uint64_t blocks);

/* The extent that holds `lba`, or the next one behind it; NULL when there is none. */
const struct retained_extent *retained_find(const struct retained *retained, uint64_t lba);

/* True when its bytes are here, not only in the ring. */
static inline bool retained_is_in_memory(const struct retained_extent *extent)
{
    return extent->content.kind != RETAINED_DATA || extent->content.buffer;
}

/* Copies [lba, lba + blocks), which must lie in the extent and be in memory. */
void retained_copy(const struct retained *retained, const struct retained_extent *extent,
                   uint64_t lba, uint64_t blocks, uint8_t *data);

/* Copies what is held of the range (all of it in memory) over data[0 .. blocks * block_bytes). */
void retained_patch(const struct retained *retained, uint64_t lba, uint64_t blocks, uint8_t *data);

static inline bool retained_is_empty(const struct retained *retained)
{
    return retained->free_count == retained->extent_count;
}

/* Ordered: all of the present epoch was sent, and later ones wait for a SYNC of it. */
bool retained_epoch_is_sent(const struct retained *retained);

static inline bool retained_has_dirty(const struct retained *retained)
{
    return retained->dirty_blocks > 0;
}

#endif
