/*
 * The space of the ring: which records lie where, and which of it may be used again.
 *
 * Records are contiguous and in order of their sequence numbers. At the front they are *passed*
 * once they are durable and nothing of them is needed any more; but their space is free only when
 * a superblock with the new tail is durable (invariant I5), or a crash would find the old tail
 * pointing at new records.
 *
 *     stable tail          tail                     head
 *        |  passed          |  needed                |  free ...
 *
 * Pure bookkeeping: no I/O. Records come from a slab; its size bounds their number.
 */
#ifndef JOURNAL_RING_H
#define JOURNAL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "journal/format.h"

struct jnl_record {
    struct list_node node; /* in records, passed or free */
    uint64_t seq;
    uint64_t offset; /* in the ring, bytes */
    uint32_t blocks; /* jblk */
    uint32_t prev_crc;
    uint32_t crc;
    uint32_t entries; /* a scan finds so many, whatever became of them */
    uint32_t live;    /* of them: neither CLEAN nor DEAD */
    bool written;
    /* A dead entry may be passed only once its superseder is durable: the highest sequence number
     * among the superseders of this record's dead entries (I5). */
    uint64_t dead_until;
    uint64_t last_ticket; /* of the appends in it, see journal.h */
};

/* Where a scan begins, as the superblock stores it. */
struct jnl_tail {
    uint64_t offset;
    uint64_t seq;
    uint32_t prev_crc;
};

struct jnl_ring {
    uint64_t bytes;
    uint64_t used;         /* from the stable tail to the head */
    uint64_t passed_bytes; /* of them: only waiting for the next superblock */
    uint64_t entries;      /* in the records from the stable tail on: what a scan has to take */
    uint64_t head;
    uint64_t next_seq;
    uint32_t head_prev_crc;
    struct list_node records; /* needed, oldest first */
    struct list_node passed;  /* not needed, but in front of the stable tail's successor */
    struct list_node free;
    size_t free_count;
    bool held; /* nothing is passed: somebody reads what is needed now */
    struct jnl_record *slab;
};

/* Returns 0 or -ENOMEM. An empty ring whose next record is the one that `tail` names. */
int jnl_ring_init(struct jnl_ring *ring, uint64_t bytes, size_t record_count,
                  const struct jnl_tail *tail);
void jnl_ring_done(struct jnl_ring *ring);

/* Bytes that may be written from the head on; a reserve is kept, so that a full ring never looks
 * like an empty one. */
uint64_t jnl_ring_free_bytes(const struct jnl_ring *ring);

/* Blocks from the head to the end of the ring: a record must not be longer, a pad is so long. */
uint32_t jnl_ring_blocks_to_end(const struct jnl_ring *ring);

/* Places a record at the head. Needs room, and blocks <= jnl_ring_blocks_to_end(). The caller
 * gives its checksum with jnl_ring_seal() before it places the next. */
struct jnl_record *jnl_ring_place(struct jnl_ring *ring, uint32_t blocks);
void jnl_ring_seal(struct jnl_ring *ring, struct jnl_record *record, uint32_t crc);

/* The record has one entry more. */
void jnl_ring_add_entry(struct jnl_ring *ring, struct jnl_record *record);

/* Passes what is not needed any more; records up to durable_seq are on stable storage. Returns
 * true when the tail moved; never while the ring is held. */
bool jnl_ring_advance(struct jnl_ring *ring, uint64_t durable_seq);

/* The tail that the next superblock should carry. */
void jnl_ring_tail(const struct jnl_ring *ring, struct jnl_tail *ret_tail);

/* A superblock with a tail at `seq` is durable: the space in front of it is free. */
void jnl_ring_tail_is_stable(struct jnl_ring *ring, uint64_t seq);

#endif
