/*
 * Recovery (JOURNAL.md 2.11): from the newest superblock along the chain of records.
 *
 * What is believed was made stable first (I12), and carries our UUID, its own offset, the next
 * sequence number, the checksum of the header before it, an incarnation that does not go back
 * (and is the present one from that one's first sequence number on), and its checksums (I13). The
 * first record that does not ends the log: a write that was under way when the daemon or the host
 * died. Unless a later record, or the superblock, proves that the bad one had been durable: then
 * the device lost it, and nothing is touched. Neither is it when the device cannot read a place
 * where a record may be: a write that was cut off reads as something, an error may hide anything.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mutant.h"
#include "journal/internal.h"

/* How far behind a bad record a later one is looked for. A claim stands in the first record that
 * was begun after the sync had ended, so behind all that was written meanwhile: more than disks
 * take in the 20 ms until a sync is due and while it runs. Not the whole lap, which takes minutes
 * for a huge ring. */
#define PROOF_BYTES (256u * 1024 * 1024)

struct scan {
    struct journal *journal;
    uint64_t offset;      /* of the next record, in the ring */
    uint64_t seq;         /* that it must have */
    uint32_t prev_crc;    /* that it must carry */
    uint64_t incarnation; /* of the record before */
    uint64_t bytes;       /* scanned so far */
    uint64_t durable_seq; /* the highest that anybody claimed */
    uint64_t clean_seq;   /* of the last record */
    uint64_t window;      /* what of the ring is in `staging`: from here on */
    size_t window_bytes;
    bool step_by_step;     /* something could not be read: no more reading ahead */
    const uint8_t *record; /* the one looked at, in there */
    enum jnl_open_error error;
    struct jnl_record_header header; /* of the record looked at */
    struct jnl_entry_header entries[JNL_RECORD_ENTRIES];
};

/* Into `staging`, as the window. */
static int read_window(struct scan *scan, uint64_t offset, size_t bytes)
{
    struct jdev_port *device = scan->journal->device;
    int error =
        device->ops->read_now(device, JNL_RING_OFFSET + offset, scan->journal->staging, bytes);
    scan->window = offset;
    scan->window_bytes = error ? 0 : bytes;
    return error;
}

/* A part of the ring of at most JNL_RECORD_BYTES_MAX; NULL when it cannot be read. Reads ahead: a
 * scan is as fast as the device, not as its round trips. A bad sector behind the part is none of
 * its business. */
static const uint8_t *look_at(struct scan *scan, uint64_t offset, size_t bytes)
{
    const struct journal *journal = scan->journal;
    if (offset >= scan->window && offset - scan->window + bytes <= scan->window_bytes)
        return journal->staging + (offset - scan->window);
    if (!scan->step_by_step) {
        size_t ahead = min_u64(JNL_RECORD_BYTES_MAX, journal->ring.bytes - offset);
        scan->step_by_step = read_window(scan, offset, ahead) < 0;
    }
    if (scan->step_by_step && read_window(scan, offset, bytes) < 0)
        return NULL;
    return journal->staging;
}

/* The newest valid copy of the four. */
enum jnl_open_error jnl_peek(struct jdev_port *device, struct jnl_superblock *ret_superblock)
{
    _Alignas(JNL_BLOCK) uint8_t block[JNL_BLOCK];
    bool found = false, damaged = false, unreadable = false;
    if (jnl_ring_bytes_for(device->size_bytes) == 0)
        return JNL_OPEN_NO_JOURNAL;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t offset = jnl_superblock_offset(device->size_bytes, i / 2, i % 2);
        struct jnl_superblock candidate;
        if (device->ops->read_now(device, offset, block, sizeof block) < 0) {
            unreadable = true;
            continue;
        }
        enum jnl_verdict verdict = jnl_superblock_decode(block, device->size_bytes, &candidate);
        if (verdict == JNL_NEWER)
            return JNL_OPEN_NEWER;
        damaged |= verdict == JNL_DAMAGED;
        if (verdict != JNL_VALID || (found && candidate.generation <= ret_superblock->generation))
            continue;
        *ret_superblock = candidate;
        found = true;
    }
    if (found)
        return JNL_OPEN_OK;
    return unreadable ? JNL_OPEN_IO : damaged ? JNL_OPEN_CORRUPT : JNL_OPEN_NO_JOURNAL;
}

static bool payloads_are_intact(const struct scan *scan)
{
    const struct journal *journal = scan->journal;
    for (unsigned i = 0; i < scan->header.entry_count; i++) {
        const struct jnl_entry_header *entry = &scan->entries[i];
        uint64_t bytes = jnl_payload_bytes(entry, journal->config.lun_block_bytes);
        if (bytes == 0 || MUTANT(NO_PAYLOAD_CHECKSUM))
            continue;
        if (!range_is_inside(entry->payload_offset, bytes,
                             (uint64_t)scan->header.blocks * JNL_BLOCK) ||
            crc32c(0, scan->record + entry->payload_offset, bytes) != entry->payload_crc)
            return false;
    }
    return true;
}

static bool header_follows(const struct scan *scan)
{
    const struct jnl_record_header *header = &scan->header;
    const struct journal *journal = scan->journal;
    if (header->ring_offset != scan->offset || header->seq != scan->seq ||
        header->incarnation > journal->superblock.incarnation)
        return false;
    /* Behind a record of this run stands what it followed in no run: the leftover of a longer one
     * before. A disk that keeps what it has synchronised has none below incarnation_seq (recovery
     * saw all of that, and synchronised it), so then the next check finds them, too. This one also
     * finds those that come back when a disk loses a write that it had synchronised. */
    if (!MUTANT(NO_CHAIN_CHECK) &&
        (header->prev_crc != scan->prev_crc || header->incarnation < scan->incarnation))
        return false;
    /* What an earlier incarnation left torn here, and recovery has dropped, stays dropped: a later
     * write of the same bytes over the same place must not make it whole. It fits the chain. */
    if (!MUTANT(NO_INCARNATION_CHECK) && header->seq >= journal->superblock.incarnation_seq &&
        header->incarnation != journal->superblock.incarnation)
        return false;
    uint64_t bytes = (uint64_t)header->blocks * JNL_BLOCK;
    if (header->flags & JNL_RECORD_PAD)
        return header->entry_count == 0 && scan->offset + bytes == journal->ring.bytes;
    return bytes <= JNL_RECORD_BYTES_MAX &&
           range_is_inside(scan->offset, bytes, journal->ring.bytes);
}

/* What cannot be read may have been acknowledged: the scan ends there. */
static const uint8_t *look_at_next(struct scan *scan, size_t bytes)
{
    const uint8_t *found = look_at(scan, scan->offset, bytes);
    if (!found)
        scan->error = JNL_OPEN_IO;
    return found;
}

/* True when a whole, valid record follows. */
static bool read_record(struct scan *scan)
{
    struct journal *journal = scan->journal;
    const uint8_t *header = look_at_next(scan, JNL_BLOCK);
    if (!header ||
        jnl_record_decode(header, journal->superblock.uuid, &scan->header, scan->entries) !=
            JNL_VALID ||
        !header_follows(scan))
        return false;
    uint64_t bytes = (uint64_t)scan->header.blocks * JNL_BLOCK;
    if (scan->bytes + bytes > journal->ring.bytes)
        return false;
    if (scan->header.flags & JNL_RECORD_PAD)
        return true;
    scan->record = look_at_next(scan, bytes);
    return scan->record && payloads_are_intact(scan);
}

static bool take_record(struct scan *scan)
{
    struct journal *journal = scan->journal;
    const struct jnl_record_header *header = &scan->header;
    if (journal->ring.free_count < 2 || journal->free_entry_count <= header->entry_count) {
        scan->error = JNL_OPEN_TOO_MANY;
        return false;
    }
    struct jnl_record *record = jnl_ring_place(&journal->ring, header->blocks);
    jnl_ring_seal(&journal->ring, record, header->crc);
    record->written = true;
    for (unsigned i = 0; i < header->entry_count; i++) {
        list_append(&journal->committing, &jnl_entry_new(journal, record, &scan->entries[i])->node);
        journal->first_epoch = max_u64(journal->first_epoch, scan->entries[i].epoch + 1);
        if (!MUTANT(CANARY_OUTLIVES_RECORD))
            jnl_canaries_meet(journal, scan->entries[i].lba, scan->entries[i].blocks);
    }
    scan->durable_seq = max_u64(scan->durable_seq, header->durable_seq);
    scan->clean_seq = header->clean_seq;
    scan->incarnation = header->incarnation;
    scan->prev_crc = header->crc;
    scan->seq++;
    scan->bytes += (uint64_t)header->blocks * JNL_BLOCK;
    scan->offset = journal->ring.head;
    return true;
}

/* The record in scan->header, found at `offset`, could only be written after the bad one was
 * durable; or after a superblock that is newer than ours, which the device has lost. */
static bool is_proof(const struct scan *scan, uint64_t offset)
{
    const struct jnl_record_header *header = &scan->header;
    if (header->ring_offset != offset)
        return false;
    return header->incarnation > scan->journal->superblock.incarnation ||
           (header->seq > scan->seq && header->incarnation >= scan->incarnation &&
            header->durable_seq >= scan->seq);
}

/* Looks in the bad record's place and behind it. */
static bool later_record_proves_it_was_durable(struct scan *scan)
{
    struct journal *journal = scan->journal;
    uint64_t limit = min_u64(PROOF_BYTES, journal->ring.bytes - scan->bytes);
    for (uint64_t distance = 0; distance < limit; distance += JNL_BLOCK) {
        uint64_t offset = (scan->offset + distance) % journal->ring.bytes;
        const uint8_t *block = look_at(scan, offset, JNL_BLOCK);
        if (block &&
            jnl_record_decode(block, journal->superblock.uuid, &scan->header, scan->entries) ==
                JNL_VALID &&
            is_proof(scan, offset))
            return true;
    }
    return false;
}

static void scan_chain(struct scan *scan)
{
    while (read_record(scan))
        if (!take_record(scan))
            return;
    if (scan->error || MUTANT(DAMAGE_IS_THE_END))
        return;
    if (scan->durable_seq >= scan->seq || later_record_proves_it_was_durable(scan))
        scan->error = JNL_OPEN_CORRUPT;
}

/* Hands out what needs replay; the journal's own reference ends here. True: there was some. */
static bool deliver(struct journal *journal, uint64_t clean_seq, jnl_recovered_fn *recovered)
{
    bool any = false;
    while (!list_is_empty(&journal->committing)) {
        struct jnl_entry *entry = list_first(&journal->committing, struct jnl_entry, node);
        list_remove(&entry->node);
        if (entry->record->seq >= clean_seq &&
            entry->header.epoch >= journal->superblock.replay_epoch) {
            recovered(journal->owner, journal, entry);
            any = true;
        }
        jnl_entry_unref(journal, entry);
    }
    return any;
}

static int superblock_write_now(struct journal *journal, uint32_t state)
{
    jnl_superblock_next(journal, state);
    jnl_superblock_encode(&journal->superblock, journal->superblock_block);
    for (unsigned copy = 0; copy < 2; copy++) {
        struct jdev_port *device = journal->device;
        int error = device->ops->write_now(
            device, jnl_superblock_offset(device->size_bytes, journal->superblock.generation, copy),
            journal->superblock_block, JNL_BLOCK);
        if (error)
            return error;
    }
    return 0;
}

static enum jnl_open_error allocate(struct journal *journal)
{
    const struct jnl_superblock *superblock = &journal->superblock;
    const struct jnl_tail tail = {superblock->tail_offset, superblock->tail_seq,
                                  superblock->tail_prev_crc};
    size_t count = journal->config.entry_count;
    journal->entry_slab = calloc(count, sizeof journal->entry_slab[0]);
    journal->staging = aligned_alloc(JNL_BLOCK, JNL_RECORD_BYTES_MAX);
    journal->superblock_block = aligned_alloc(JNL_BLOCK, JNL_BLOCK);
    if (!journal->entry_slab || !journal->staging || !journal->superblock_block ||
        jnl_ring_init(&journal->ring, superblock->ring_bytes, journal->config.record_count, &tail) <
            0)
        return JNL_OPEN_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        list_append(&journal->free_entries, &journal->entry_slab[i].node);
    journal->free_entry_count = count;
    return JNL_OPEN_OK;
}

static enum jnl_open_error recover(struct journal *journal, struct scan *scan)
{
    const struct jnl_superblock *superblock = &journal->superblock;
    if (superblock->state & (JNL_STATE_FAILED | JNL_STATE_RETIRED))
        return JNL_OPEN_FAILED_STATE;
    if (!MUTANT(NO_SYNC_AT_RECOVERY) && journal->device->ops->sync_now(journal->device) < 0)
        return JNL_OPEN_IO;
    enum jnl_open_error error = allocate(journal);
    if (error)
        return error;
    journal->first_epoch = superblock->replay_epoch;
    jnl_canaries_init(journal);
    *scan = (struct scan){
        .journal = journal,
        .offset = superblock->tail_offset,
        .seq = superblock->tail_seq,
        .prev_crc = superblock->tail_prev_crc,
        .durable_seq = superblock->durable_seq,
    };
    scan_chain(scan);
    return scan->error;
}

static void start_after(struct journal *journal, const struct scan *scan,
                        jnl_recovered_fn *recovered)
{
    journal->written_seq = journal->durable_seq = scan->seq - 1;
    journal->superblock.incarnation++;
    journal->superblock.incarnation_seq = scan->seq;
    if (!deliver(journal, scan->clean_seq, recovered)) {
        jnl_canaries_drop(journal);
        journal->is_foreign = false;
    }
    jnl_ring_advance(&journal->ring, journal->durable_seq);
}

enum jnl_open_error jnl_open(const struct jnl_config *config, struct jdev_port *device,
                             struct timer_port *timer, const struct jnl_events *events, void *owner,
                             jnl_recovered_fn *recovered, struct journal **ret_journal,
                             uint64_t *ret_detail)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return JNL_OPEN_NO_MEMORY;
    journal->config = *config;
    journal->device = device;
    journal->timer = timer;
    journal->events = events;
    journal->owner = owner;
    list_init(&journal->free_entries);
    list_init(&journal->queue);
    list_init(&journal->committing);
    jnl_durable_init(journal);
    jnl_failure_init(journal);

    struct scan scan;
    memset(&scan, 0, sizeof scan);
    enum jnl_open_error error = jnl_peek(device, &journal->superblock);
    if (!error)
        error = recover(journal, &scan);
    if (ret_detail)
        *ret_detail = scan.seq;
    if (!error) {
        journal->opening = true;
        start_after(journal, &scan, recovered);
        journal->opening = false;
        if (superblock_write_now(journal, JNL_STATE_OPEN) < 0)
            error = JNL_OPEN_IO;
        else
            jnl_ring_tail_is_stable(&journal->ring, journal->stable_seq);
    }
    if (error) {
        jnl_free(journal);
        return error;
    }
    journal->stable_lun_blocks = journal->superblock.lun_blocks;
    journal->stable_replay_epoch = journal->superblock.replay_epoch;
    *ret_journal = journal;
    return JNL_OPEN_OK;
}

int jnl_create(struct jdev_port *device, struct jnl_superblock *superblock)
{
    _Alignas(JNL_BLOCK) uint8_t block[JNL_BLOCK];
    superblock->ring_bytes = jnl_ring_bytes_for(device->size_bytes);
    if (superblock->ring_bytes == 0)
        return -ENOSPC;
    superblock->incarnation = 1;
    superblock->incarnation_seq = 1;
    superblock->tail_offset = 0;
    superblock->tail_seq = 1;
    superblock->tail_prev_crc = 0;
    superblock->durable_seq = 0;
    superblock->replay_epoch = 0;
    superblock->state = JNL_STATE_EMPTY;
    /* Both slots, so that nothing of an earlier journal can win. */
    for (unsigned i = 0; i < 4; i++) {
        superblock->generation = i / 2;
        jnl_superblock_encode(superblock, block);
        int error = device->ops->write_now(
            device, jnl_superblock_offset(device->size_bytes, i / 2, i % 2), block, sizeof block);
        if (error)
            return error;
    }
    return 0;
}
